import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type Client } from "@connectrpc/connect";
import { ChatRequestSchema, type ChatEvent, type ChatRequest, type ChatService } from "../../gen/parley/v1/chat_pb.ts";
import { readCatalog } from "../library/catalog.ts";
import type { Bench, Report } from "./bench.ts";
import { setup, startService } from "./local/contestants.ts";
import { tokensRequest } from "./local/parley.ts";
import { freshPrompt } from "./local/prompts.ts";
import { remoteLeaves } from "./remote/leave.ts";
import { median } from "./statistics.ts";

/** Where a call is when its client leaves. */
const phases = ["queue", "prefill", "generation", "unary"] as const;
type Phase = (typeof phases)[number];

/** From a client's leaving to the closed socket of a remote upstream, and to the free slot of a local model. */
export const cancel: Bench = {
  what: "time from a client's leaving to the closed socket of its upstream, or, on a local model with one sequence, to the next call's turn; in each phase",
  options: {
    rounds: { default: 20, what: "times that each phase of a local model is measured" },
    remote: { default: 200, what: "times that each phase of a remote target is measured" },
  },
  async run({ rounds = 20, remote = 200 }, say) {
    const away = await remoteLeaves(remote);
    away.lines.forEach(say);
    const here = await localLeaves(rounds);
    here.lines.forEach(say);
    return { lines: [...away.lines, "", ...here.lines], data: { remote: away.data, local: here.data } };
  },
};

async function localLeaves(rounds: number): Promise<Report> {
  const common = await setup();
  const { defaultId } = await readCatalog(join(import.meta.dirname, "..", "..", "models", "catalog.json"));
  const config = { models: { options: { [defaultId]: { sequences: 1 } } } };
  const service = await startService(common, { config });
  try {
    const data: Record<string, readonly number[]> = {};
    const lines: string[] = [`${"local model".padEnd(14)}${"median".padStart(10)}${"p99".padStart(10)}`];
    const stepMs = await stepOf(service.client);
    for (const phase of phases) {
      const took: number[] = [];
      for (let round = 0; round < rounds; round++) took.push(await leave(service.client, phase));
      data[phase] = took;
      lines.push(`${phase.padEnd(14)}${ms(median(took))}${ms(took.toSorted((a, b) => a - b)[Math.floor(rounds * 0.99)] ?? Number.NaN)}`);
    }
    lines.push(`one step of one stream takes ${stepMs.toFixed(1)} ms; the next call's turn is told after its first piece of work`);
    return { lines, data: { ...data, stepMs } };
  } finally {
    await service.stop();
  }
}

function ms(value: number): string {
  return `${value.toFixed(1)} ms`.padStart(10);
}

/** One call leaves in a phase; answers with how long it took until the one behind it moved, ms. */
async function leave(client: Client<typeof ChatService>, phase: Phase): Promise<number> {
  const holder = phase === "queue" ? open(client, request(8, 2000)) : undefined;
  await holder?.until("text");
  const leaver = phase === "unary" ? unary(client) : open(client, request(phase === "prefill" ? 3000 : 8, 2000));
  await leaver.until(phase === "generation" ? "text" : "progress");
  if (phase === "unary") await new Promise((resolve) => setTimeout(resolve, 300));
  const next = open(client, request(1, 1));
  const [nextMoved] = [next.moved(phase === "queue" ? 1 : undefined)];
  await next.until("progress");
  const leftMs = performance.now();
  leaver.leave();
  await nextMoved;
  const tookMs = performance.now() - leftMs;
  holder?.leave();
  await Promise.all([holder?.ended, leaver.ended, next.ended]);
  return tookMs;
}

function request(prompt: number, maxTokens: number): ChatRequest {
  return create(ChatRequestSchema, { ...tokensRequest("", freshPrompt(prompt), maxTokens), includeProgress: true });
}

interface Call {
  until(kind: ChatEvent["event"]["case"]): Promise<unknown>;
  /** Resolves when its place in the queue is this; without one, when it is in the queue no more. */
  moved(position: number | undefined): Promise<unknown>;
  leave(): void;
  readonly ended: Promise<unknown>;
}

function open(client: Client<typeof ChatService>, asked: ChatRequest): Call {
  const controller = new AbortController();
  const waiting: { readonly isMet: (event: ChatEvent) => boolean; readonly resolve: (event: ChatEvent) => void }[] = [];
  const seen: ChatEvent[] = [];
  const ended = unlessCancelled(async () => {
    for await (const event of client.stream(asked, { signal: controller.signal })) {
      seen.push(event);
      for (const { isMet, resolve } of waiting) if (isMet(event)) resolve(event);
    }
  });
  const meet = (isMet: (event: ChatEvent) => boolean) => {
    const { promise, resolve } = Promise.withResolvers<ChatEvent>();
    const found = seen.find(isMet);
    if (found !== undefined) resolve(found);
    else waiting.push({ isMet, resolve });
    return promise;
  };
  return {
    until: (kind) => meet(({ event }) => event.case === kind),
    moved: (position) =>
      meet(({ event }) => event.case !== "accepted" && (event.case !== "progress" || event.value.queuePosition === position)),
    leave: () => controller.abort(),
    ended,
  };
}

function unary(client: Client<typeof ChatService>): Call {
  const controller = new AbortController();
  const ended = unlessCancelled(() => client.chat(request(8, 2000), { signal: controller.signal }));
  return { until: () => Promise.resolve(), moved: () => Promise.resolve(), leave: () => controller.abort(), ended };
}

async function unlessCancelled(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (ConnectError.from(error).code !== Code.Canceled) throw error;
  }
}

/** Between two tokens of a stream that runs alone, ms. */
async function stepOf(client: Client<typeof ChatService>): Promise<number> {
  const times: number[] = [];
  for await (const { event } of client.stream(request(8, 60))) if (event.case === "text") times.push(performance.now());
  return median(times.slice(1).map((time, index) => time - times[index]!));
}
