import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { requestBytes } from "../h1-load.ts";
import { question } from "../proxy/answers.ts";
import type { Report } from "../bench.ts";
import { startParley } from "../servers.ts";
import { median } from "../statistics.ts";
import { startSilent, type SilentUpstream } from "./upstream.ts";

/** Calls that may wait for a pause to pass at one upstream within the window of its circuit breaker and its budget of retries. */
const pausesAnUpstream = 4;

/** How long a call is given to come to where it is left, where nothing tells that it has, ms. */
const settleMs = 15;

/** Where a call to a remote target is when its client leaves. */
const phases = {
  queue: { model: "busy", isStream: true },
  backoff: { model: "flaky", isStream: true },
  connecting: { model: "mute", isStream: true },
  "before the headers": { model: "headers", isStream: true },
  "before the first token": { model: "first", isStream: true },
  "in the stream": { model: "stream", isStream: true },
  unary: { model: "headers", isStream: false },
} as const;

type Phase = keyof typeof phases;

/** From a client's leaving to the closed socket of the upstream; in the queue and in a pause, where there is none, to the end of the call. */
export async function remoteLeaves(rounds: number): Promise<Report> {
  const upstream = await startSilent("http");
  const mute = await startSilent("mute");
  const folder = mkdtempSync(join(tmpdir(), "parley-cancel-"));
  const logFile = join(folder, "calls.log");
  const server = await startParley({
    config: configFor(upstream, mute, { rounds, logFile }),
    environment: { LLM_DEFAULT_PROVIDER: "silent" },
  });
  try {
    const scene = { port: server.port, upstream, mute, logFile };
    const data: Record<string, readonly number[]> = {};
    const lines = [`${"remote target".padEnd(24)}${"median".padStart(10)}${"p99".padStart(10)}${"most".padStart(10)}`];
    const holder = send(server.port, "busy", true);
    await upstream.arrived();
    for (const phase of Object.keys(phases) as Phase[]) {
      const took: number[] = [];
      for (let round = 0; round < rounds; round++) took.push(await leave(scene, phase, round));
      const sorted = took.toSorted((a, b) => a - b);
      const p99 = sorted[Math.ceil(rounds * 0.99) - 1] ?? Number.NaN;
      data[phase] = took;
      lines.push(`${phase.padEnd(24)}${ms(median(took))}${ms(p99)}${ms(sorted.at(-1) ?? Number.NaN)}`);
    }
    holder.destroy();
    return { lines, data };
  } finally {
    await server.stop();
    await Promise.all([upstream.close(), mute.close()]);
    rmSync(folder, { recursive: true });
  }
}

interface Scene {
  readonly port: number;
  readonly upstream: SilentUpstream;
  readonly mute: SilentUpstream;
  readonly logFile: string;
}

/** One call leaves in a phase; answers with how long it took until that was heard, ms. */
async function leave({ port, upstream, mute, logFile }: Scene, phase: Phase, round: number): Promise<number> {
  const { model, isStream } = phases[phase];
  const client = send(port, phase === "backoff" ? `${model}${Math.floor(round / pausesAnUpstream)}` : model, isStream);
  const words = phase === "in the stream" ? said(client, "word0") : undefined;
  const arrival = phase === "queue" ? undefined : await (phase === "connecting" ? mute : upstream).arrived();
  await words;
  if (phase === "queue" || phase === "backoff" || phase === "before the first token") await sleep(settleMs);
  if (arrival === undefined || phase === "backoff") return untilLogged(client, logFile);
  const leftMs = performance.now();
  client.destroy();
  return (await arrival.closed) - leftMs;
}

/** From a client's leaving to the end of its call, by the time of its line in the log. */
async function untilLogged(client: Socket, logFile: string): Promise<number> {
  const before = ended(logFile).length;
  const leftMs = Date.now();
  client.destroy();
  for (;;) {
    const line = ended(logFile)[before];
    if (line !== undefined) return Math.max(0, Date.parse(line.time) - leftMs);
    await sleep(5);
  }
}

function send(port: number, model: string, isStream: boolean): Socket {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  socket.on("error", () => {});
  socket.write(requestBytes({ path: "/v1/chat/completions", body: question({ isStream, model }) }, port));
  return socket;
}

function said(socket: Socket, word: string): Promise<void> {
  return new Promise((resolve) => {
    let text = "";
    socket.on("data", (data: Buffer) => {
      text += data.toString("latin1");
      if (text.includes(word)) resolve();
    });
  });
}

/** The log lines of calls whose caller went away. */
function ended(logFile: string): { readonly time: string }[] {
  return readFileSync(logFile, "utf8")
    .split("\n")
    .filter((line) => line.includes('"caller_gone"'))
    .map((line) => JSON.parse(line) as { readonly time: string });
}

function configFor(upstream: SilentUpstream, mute: SilentUpstream, { rounds, logFile }: { rounds: number; logFile: string }): unknown {
  const common = { kind: "openai", baseUrl: `http://127.0.0.1:${upstream.port}/v1`, apiKeys: ["sk-bench"] };
  const flaky = Array.from({ length: Math.ceil(rounds / pausesAnUpstream) }, (_, index) => ({
    ...common,
    name: `flaky-${index}`,
    models: [`flaky${index}`],
  }));
  const hour = 3_600_000;
  return {
    upstreams: [
      { ...common, name: "silent", models: ["headers", "first", "stream"] },
      { ...common, name: "busy", models: ["busy"], concurrency: 1 },
      { ...common, name: "mute", models: ["mute"], baseUrl: `https://127.0.0.1:${mute.port}/v1`, connectSeconds: 60 },
      ...flaky,
    ],
    // Pauses are drawn from 0 up to these: hardly one is over before its caller leaves.
    limits: { values: { retryBaseMs: 60_000, retryCapMs: 600_000, retryWaitMs: hour } },
    telemetry: { logFile },
  };
}

function ms(value: number): string {
  return `${value.toFixed(1)} ms`.padStart(10);
}
