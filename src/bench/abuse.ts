import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { attacks, type AttackName } from "../testing/attacks.ts";
import { healthyClients, noticed, p99, type Healthy } from "./abuse/healthy.ts";
import type { Bench, Report } from "./bench.ts";
import { heapOf, probed } from "./heap.ts";
import { cpuUsOf, leaveServerCore, startParley, type BenchServer } from "./servers.ts";

/** Smaller than the defaults, so that each limit is met within a measurement. Stalled readers, who are to be there all the time, meet the defaults. */
const limits = {
  ...{ firstByteMs: 2000, headersMs: 2000, bodyMs: 2000, stalledReaderMs: 4000, idleConnectionMs: 2000, connectionPingMs: 3000 },
};

/** How a cut may be late, ms: timers, and what lies between two looks. */
const slackMs = 1500;

/** How long who floods again may wait before it is let in, ms: one and a half of the longest pause (`limits.floodPauseMs`). */
const floodWaitMs = 1.5 * 4 * 1000;

/** What ends each attack, ms; what is not named is cut off at once, when it is let in. */
const cutWithinMs: Readonly<Partial<Record<AttackName, number>>> = {
  "zero window": floodWaitMs + 2 * limits.connectionPingMs, // from an address that floods came from
  "slow headers": limits.headersMs,
  "slow frame": 2 * limits.headersMs,
  "slow body": limits.bodyMs + limits.idleConnectionMs,
  "slow gRPC body": limits.bodyMs + limits.idleConnectionMs,
};

/** Before the first, ms: code is to be compiled. */
const warmUpMs = 15_000;
const afterMs = 1500;
const mostBytesEach = 300_000;
const mostRatio = 3;
/** Of a core: what the healthy clients take, and some more. */
const mostCalmShare = 0.6;
const leastCalmMs = 2000;
const mostCalmingMs = 120_000;
const stepMs = 500;

/** What an attack did. */
interface Row {
  readonly name: AttackName;
  readonly connections: number;
  readonly readers: number;
  /** Of clients that mean well, ms. */
  readonly p99Ms: number;
  readonly ratio: number;
  /** Their calls that failed. */
  readonly failed: number;
  /** How often a connection was cut off, and the longest that one lasted, ms. */
  readonly cuts: number;
  readonly longestMs: number;
  /** What each stalled reader cost the server in resident memory after a forced collection, bytes. */
  readonly bytesEach: number | undefined;
}

type Measured = Omit<Row, "ratio">;

/** What clients that mean well notice of those that do not. */
export const abuse: Bench = {
  what: "floods, slow clients and a thousand stalled readers: when they are cut off, what they cost, and the p99 of healthy clients beside its quiet value",
  options: {
    seconds: { default: 3, what: "seconds of quiet before each attack, and of each round of it" },
    rounds: { default: 3, what: "rounds in which each attack is measured; their median counts" },
    connections: { default: 4, what: "connections that flood at a time" },
    slow: { default: 200, what: "slow connections at a time" },
    readers: { default: 1000, what: "stalled readers" },
    clients: { default: 4, what: "healthy clients over gRPC, and as many over REST" },
  },
  async run({ seconds = 3, rounds = 3, connections = 4, slow = 200, readers = 1000, clients = 4 }, say) {
    leaveServerCore();
    const names = Object.keys(attacks) as AttackName[];
    const isStalled = (name: AttackName) => name.startsWith("stalled");
    const given = { seconds, rounds, connections, slow, readers, clients, say };
    const loud = await attackAll(
      names.filter((name) => !isStalled(name)),
      { ...given, values: limits },
    );
    const stalled = await attackAll(names.filter(isStalled), { ...given, values: {} });
    const report = reportOf([...loud.rows, ...stalled.rows], [...loud.quiet, ...stalled.quiet]);
    report.lines.forEach(say);
    return report;
  },
};

interface Given {
  readonly seconds: number;
  readonly rounds: number;
  readonly connections: number;
  readonly slow: number;
  readonly readers: number;
  readonly clients: number;
  readonly say: (line: string) => void;
  /** Limits of the service. */
  readonly values: Readonly<Record<string, number>>;
}

interface Found {
  readonly rows: readonly Measured[];
  /** p99 before each, ms. */
  readonly quiet: readonly number[];
}

/** One attack after the other at one service, with quiet between them. */
async function attackAll(names: readonly AttackName[], { values, clients, seconds, rounds, say, ...counts }: Given): Promise<Found> {
  const server = await startParley({ config: { limits: { values } }, nodeOptions: probed });
  const healthy = healthyClients(server.port, clients);
  const rows: Measured[] = [];
  const quiet: number[] = [];
  try {
    await sleep(warmUpMs);
    for (const name of names) {
      healthy.taken();
      await sleep(seconds * 1000);
      const quietMs = p99(healthy.taken().times);
      const row = await attackOnce({ server, healthy, seconds, rounds, ...countsOf(name, counts) }, name);
      quiet.push(quietMs);
      rows.push(row);
      say(`${name}: p99 ${row.p99Ms.toFixed(2)} ms, quiet before it ${quietMs.toFixed(2)} ms`);
      // What is left of it shall not disturb the next one's quiet.
      await sleep(afterMs);
    }
  } finally {
    healthy.stop();
    await server.stop();
  }
  return { rows, quiet };
}

interface Counts {
  readonly connections: number;
  readonly readers: number;
  readonly pauseMs: number;
}

function countsOf(name: AttackName, given: { connections: number; slow: number; readers: number }): Counts {
  if (name === "stalled gRPC streams") return { connections: Math.ceil(given.readers / 100), readers: given.readers, pauseMs: 1000 };
  // What the system buffers for each over HTTP/1.1 is megabytes of its own memory.
  if (name === "stalled SSE reader") return { connections: given.slow, readers: given.slow, pauseMs: 1000 };
  if (name.startsWith("stalled")) return { connections: given.readers, readers: given.readers, pauseMs: 1000 };
  // A slow client that was cut off takes its time to come back, too: to open two thousand connections a second is an attack of another kind.
  if (name.startsWith("slow")) return { connections: given.slow, readers: 0, pauseMs: 1000 };
  return { connections: given.connections, readers: 0, pauseMs: 100 };
}

interface AttackRun extends Counts, Pick<Given, "seconds" | "rounds"> {
  readonly server: BenchServer;
  readonly healthy: Healthy;
}

async function attackOnce(run: AttackRun, name: AttackName): Promise<Measured> {
  const { server, healthy, connections, readers, pauseMs } = run;
  healthy.taken();
  const attackers: ChildProcess[] = [];
  const begin = async (share: number) => {
    const attacker = attackerOf([server.port, name, Math.ceil(connections * share), pauseMs]);
    attackers.push(attacker);
    await once(attacker, "message");
  };
  let bytesEach: number | undefined;
  if (readers === 0) await begin(1);
  else {
    // The first half fills what belongs to nobody, such as the collector's spare pages; the second shows what each costs.
    const half = async () => {
      await begin(0.5);
      await untilCalm(server);
      return (await heapOf(server)).rss;
    };
    const first = await half();
    bytesEach = ((await half()) - first) / (readers / 2);
    // What it costs to begin their answers is work that was asked for, which anybody's would cost.
    healthy.taken();
  }
  const { p99Ms, failed } = await noticed(healthy, run);
  const cuts = (await Promise.all(attackers.map(endOf))).flat();
  return { name, connections, readers, p99Ms, failed, cuts: cuts.length, longestMs: Math.max(0, ...cuts), bytesEach };
}

/** Starts a program that attacks, on the load's core, behind whoever measures. */
function attackerOf(words: readonly (string | number)[]): ChildProcess {
  const program = [process.execPath, join(import.meta.dirname, "abuse", "attacker.ts"), ...words.map(String)];
  return spawn("nice", ["-n", "19", ...program], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
}

/** Ends it; answers how long each of its connections lasted that was cut off, ms. */
async function endOf(attacker: ChildProcess): Promise<readonly number[]> {
  const told = once(attacker, "message") as Promise<[{ cuts: number[] }]>;
  attacker.send("end");
  const [{ cuts }] = await told;
  await once(attacker, "exit");
  return cuts;
}

/** Until what the readers asked for is made, as far as it can be sent: then a service is about as busy as with its healthy clients alone. */
async function untilCalm(server: BenchServer): Promise<void> {
  const endMs = performance.now() + mostCalmingMs;
  for (let calmMs = 0; calmMs < leastCalmMs;) {
    if (performance.now() > endMs) throw new Error(`the service was still busy after ${mostCalmingMs / 1000} s`);
    const before = cpuUsOf(server);
    await sleep(stepMs);
    const share = (cpuUsOf(server) - before) / (stepMs * 1000);
    calmMs = share < mostCalmShare ? calmMs + stepMs : 0;
  }
}

function reportOf(rows: readonly Measured[], quiet: readonly number[]): Report {
  const sorted = quiet.toSorted((a, b) => a - b);
  const quietMs = sorted[sorted.length >> 1] ?? Number.NaN;
  const data = rows.map((row) => ({ ...row, ratio: row.p99Ms / quietMs }));
  const lines = [
    `p99 of healthy clients in quiet: ${quietMs.toFixed(2)} ms (median of ${quiet.length} measurements; ${sorted[0]?.toFixed(2)} to ${sorted.at(-1)?.toFixed(2)})`,
    `${"".padEnd(32)}${"p99, ms".padStart(10)}${"of quiet".padStart(10)}${"cut off".padStart(9)}${"longest, ms".padStart(13)}${"kB a reader".padStart(13)}`,
    ...data.map(line),
  ];
  return { lines, data: { quietMs, quiet, rows: data } };
}

function line(row: Row): string {
  const { name, p99Ms, ratio, cuts, longestMs, bytesEach } = row;
  const cells = [
    p99Ms.toFixed(2).padStart(10),
    `${ratio.toFixed(2)}x`.padStart(10),
    String(cuts).padStart(9),
    Math.round(longestMs).toString().padStart(13),
    (bytesEach === undefined ? "" : (bytesEach / 1000).toFixed(0)).padStart(13),
  ];
  return `${name.padEnd(32)}${cells.join("")}${problemsOf(row)}`;
}

/** What does not hold. */
function problemsOf({ name, failed, ratio, longestMs, bytesEach = 0, readers, cuts }: Row): string {
  const mostMs = (cutWithinMs[name] ?? floodWaitMs) + slackMs;
  return [
    failed > 0 ? `  ${failed} healthy calls failed` : "",
    ratio > mostRatio ? `  more than ${mostRatio} times the quiet value` : "",
    readers === 0 && longestMs > mostMs ? `  later than ${mostMs} ms` : "",
    readers === 0 && cuts === 0 ? "  never cut off" : "",
    bytesEach > mostBytesEach ? "  more than 300 kB a reader" : "",
  ].join("");
}
