import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import { UsageSource, type Usage } from "../../gen/parley/v1/usage_pb.ts";
import { loadConfig } from "../config.ts";
import { systemClock } from "../core/clock.ts";
import { collect } from "../core/collect.ts";
import { chatKind } from "../core/kinds.ts";
import { compose, type Generate } from "../core/work.ts";
import { concurrency } from "../layers/concurrency.ts";
import { leftReads } from "../layers/left-reads.ts";
import { echo } from "../providers/echo.ts";
import type { Directory } from "../routing/naming/directory.ts";
import { callLayers, startServer } from "../service.ts";
import { targetLayers, type Parts, type TargetFacts } from "../service-targets.ts";
import { openLog } from "../telemetry/log.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import { testContext } from "../testing/call-context.ts";
import { userRequest } from "../testing/sample-request.ts";
import { median } from "./statistics.ts";

/** What one part of a call costs, microseconds of CPU: the difference between two loops, so that less than one says nothing. */
export interface CallPart {
  readonly name: string;
  readonly us: number;
}

/** Calls that are measured at once: enough for the clock, few enough for a second. */
const batch = 4000;

/** Where the time of a unary call goes behind the doors: echo, each layer around it, the route, and of the outermost layer the metrics and the log line. */
export async function callParts(words: string, rounds: number): Promise<readonly CallPart[]> {
  const folder = mkdtempSync(join(tmpdir(), "parley-parts-"));
  const log = openLog({ level: "info", file: join(folder, "parley.log"), stream: { write: () => {} } });
  const environment = { LLM_DEFAULT_PROVIDER: "echo", LLM_MODELS_DIR: join(folder, "models"), LLM_DATA_DIR: join(folder, "data") };
  const loaded = loadConfig({ environment, flags: { port: "0" } });
  const server = await startServer(loaded, { log });
  try {
    const request = { ...userRequest(words), model: "echo" };
    const parts: Parts = { loaded, log, clock: systemClock, metrics: createMetrics(), reads: leftReads() };
    const chains = [...chainsOf(parts), { name: "route", work: server.service.generate }];
    const costs = await costsOf(chains, request, rounds);
    return [...chains.map(({ name }, index) => ({ name, us: (costs[index] ?? 0) - (costs[index - 1] ?? 0) })), ...endOf(parts)];
  } finally {
    await server.close();
    log.close();
    rmSync(folder, { recursive: true });
  }
}

interface Chain {
  /** What it has that the one before has not. */
  readonly name: string;
  readonly work: Generate;
}

/** Echo, and each time one layer more around it. */
function chainsOf(parts: Parts): Chain[] {
  const { clock } = parts;
  const queue = concurrency({ clock, target: "echo", limit: 1024, queue: 1024, queueMs: 60_000 });
  const facts: TargetFacts = { provider: "echo", model: "echo", label: "echo", key: 0, isLocal: true, upstream: undefined, queue };
  const names = { defaultModel: () => "echo", leadsTo: () => true, learn: () => undefined } as unknown as Directory;
  const layers = [...callLayers(parts, names), ...targetLayers(parts, facts)].toReversed();
  const provider = echo();
  const chains: Chain[] = [{ name: "echo", work: provider.generate }];
  layers.forEach((layer, index) =>
    chains.push({
      name: layer.name.replace(/Layer$/, ""),
      work: compose(layers.slice(0, index + 1).toReversed(), provider.generate, chatKind),
    }),
  );
  return chains;
}

/** Microseconds of CPU a call of each, measured by turns. */
async function costsOf(chains: readonly Chain[], request: ChatRequest, rounds: number): Promise<readonly number[]> {
  const all = chains.map((): number[] => []);
  for (let round = -1; round < rounds; round++)
    for (const [index, { work }] of chains.entries()) {
      const before = process.cpuUsage();
      for (let call = 0; call < batch; call++) await collect(work(request, testContext(request)));
      const { user, system } = process.cpuUsage(before);
      if (round >= 0) all[index]?.push((user + system) / batch);
    }
  return all.map(median);
}

/** What the outermost layer does at the end of a call. */
function endOf({ metrics, log }: Parts): readonly CallPart[] {
  const usage: Usage = { $typeName: "parley.v1.Usage", promptTokens: 17, completionTokens: 16, source: UsageSource.PROVIDER };
  const target = { provider: "echo", model: "echo", label: "echo" };
  const ended = { target, status: "ok", durationMs: 1.5, firstTokenMs: 1.2, inferenceMs: 1.4, usage, cost: undefined };
  const facts = {
    requestId: "req_0",
    procedure: "parley.v1.ChatService/Chat",
    protocol: "grpc",
    operation: "chat",
    model: "echo",
    status: "ok",
  };
  const line = {
    ...facts,
    provider: "echo",
    servedModel: "echo",
    durationMs: 1.5,
    firstTokenMs: 1.2,
    promptTokens: 17,
    completionTokens: 16,
  };
  return [
    { name: "  of observe: metrics", us: timed(() => metrics.ended(ended)) },
    { name: "  of observe: log line", us: timed(() => log.info("call", line)) },
  ];
}

function timed(run: () => void): number {
  for (let call = 0; call < batch; call++) run();
  const before = process.cpuUsage();
  for (let call = 0; call < 10 * batch; call++) run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / batch / 10;
}
