import { setTimeout as sleep } from "node:timers/promises";
import type { Bench, Report } from "./bench.ts";
import { h1Load } from "./h1-load.ts";
import { measure } from "./load.ts";
import { question } from "./proxy/answers.ts";
import { cpuMs, residentBytes, startMock, startParleyBefore, startPortkeyBefore, type Contestant } from "./proxy/contestants.ts";
import { firstWords, manyStreams } from "./proxy/probes.ts";
import { leaveServerCore } from "./servers.ts";
import { median } from "./statistics.ts";

const path = "/v1/chat/completions";
const megabyte = 1e6;

/** Parley and Portkey's gateway in front of the same upstream. */
export const proxy: Bench = {
  what: "`npm start` in front of an OpenAI upstream beside Portkey's gateway, by turns on one core; load and upstream on the other",
  options: {
    warm: {
      default: 12,
      what: "seconds of whole answers, and of streams, before counting: a service that has just started is compiled while it answers",
    },
    rounds: { default: 5, what: "rounds; each measures everything once" },
    seconds: { default: 2, what: "seconds for each measurement" },
    first: { default: 100, what: "streams whose first word is timed, in each round" },
    streams: { default: 500, what: "streams at once" },
  },
  async run(options, say) {
    const { warm: warmSeconds = 12, rounds = 5, seconds = 2, first = 100, streams = 500 } = options;
    leaveServerCore();
    const mock = await startMock();
    const contestants: Contestant[] = [];
    try {
      contestants.push(await startParleyBefore(mock), await startPortkeyBefore(mock));
      const cases = casesFor({ seconds, first, streams, mock });
      await warm(contestants, mock, warmSeconds);
      const found: Found[] = cases.map(() => contestants.map(() => []));
      for (let round = 0; round < rounds; round++)
        for (const [at, each] of cases.entries()) await takeAll(each, contestants, found[at] ?? []);
      const report = reportOf(cases, found, contestants);
      report.lines.forEach(say);
      return report;
    } finally {
      await Promise.all([...contestants, mock].map((each) => each.stop()));
    }
  },
};

/** Measures one thing of everybody. What is asked of the upstream itself belongs to the round: the machine may be another a minute later. */
async function takeAll({ take, basis }: Case, contestants: readonly Contestant[], found: Found): Promise<void> {
  const base = (await basis?.()) ?? 0;
  for (const [who, contestant] of contestants.entries()) found[who]?.push((await take(contestant)) - base);
}

/** One thing that is measured. */
interface Case {
  readonly name: string;
  readonly digits: number;
  /** What the design holds Parley to, as a share of Portkey's. */
  readonly target?: string;
  readonly take: (contestant: Contestant) => Promise<number>;
  /** What is taken off each: the same asked of the upstream itself. */
  readonly basis?: () => Promise<number>;
}

/** By case and contestant: a number a round. */
type Found = readonly number[][];

function casesFor({
  seconds,
  first,
  streams,
  mock,
}: {
  seconds: number;
  first: number;
  streams: number;
  mock: Contestant;
}): readonly Case[] {
  const rate = (connections: number) => async (contestant: Contestant) =>
    (await measure(() => load(contestant, false, connections), seconds)).answersPerSecond;
  const cpu = (isStream: boolean) => (contestant: Contestant) => cpuOf(contestant, isStream, seconds);
  const toFirst = async (contestant: Contestant) => median(await firstWords(contestant, first));
  const resident = new Map<Contestant, number>();
  return [
    { name: "requests/s, 16 connections", digits: 0, target: "6x", take: rate(16) },
    { name: "requests/s, 64 connections", digits: 0, target: "6x", take: rate(64) },
    { name: "CPU us a request", digits: 0, take: cpu(false) },
    { name: "CPU us a stream of 64 chunks", digits: 0, target: "0.55x", take: cpu(true) },
    { name: "added ms to the first token", digits: 3, target: "0.02x", take: toFirst, basis: () => toFirst(mock) },
    {
      name: `whole of ${streams} streams at once`,
      digits: 0,
      async take(contestant) {
        resident.set(contestant, 0);
        const look = () => Math.max(resident.get(contestant) ?? 0, residentBytes(contestant) / megabyte);
        return manyStreams(contestant, streams, () => void resident.set(contestant, look()));
      },
    },
    { name: "MB resident during these", digits: 0, take: (contestant) => Promise.resolve(resident.get(contestant) ?? 0) },
  ];
}

function load({ port, headers }: Contestant, isStream: boolean, connections: number) {
  return h1Load(port, { path, headers, body: question({ isStream }) }, connections);
}

/** CPU time for one answer, us; 16 run at once. */
async function cpuOf(contestant: Contestant, isStream: boolean, seconds: number): Promise<number> {
  const running = await load(contestant, isStream, 16);
  try {
    await sleep(300);
    const [answers, cpu] = [running.tally().answers, cpuMs(contestant)];
    await sleep(seconds * 1000);
    return ((cpuMs(contestant) - cpu) * 1000) / (running.tally().answers - answers);
  } finally {
    running.stop();
  }
}

async function warm(contestants: readonly Contestant[], mock: Contestant, seconds: number): Promise<void> {
  await firstWords(mock, 20);
  for (const contestant of contestants) for (const isStream of [false, true]) await measure(() => load(contestant, isStream, 16), seconds);
}

function reportOf(cases: readonly Case[], found: readonly Found[], contestants: readonly Contestant[]): Report {
  const rows = cases.map(({ name, digits, target = "" }, at) => {
    const [own = [], other = []] = found[at] ?? [];
    const ratio = median(own.map((value, round) => value / (other[round] ?? Number.NaN)));
    return { name, digits, target, medians: [median(own), median(other)], ratio, rounds: found[at] };
  });
  const head = `${"".padEnd(32)}${contestants.map(({ name }) => name.padStart(12)).join("")}${"ratio".padStart(10)}${"target".padStart(10)}`;
  const line = ({ name, digits, medians, ratio, target }: (typeof rows)[number]) =>
    `${name.padEnd(32)}${medians.map((value) => shown(value, digits).padStart(12)).join("")}${`${ratio.toFixed(3)}x`.padStart(10)}${target.padStart(10)}`;
  return { lines: [head, ...rows.map(line)], data: rows };
}

function shown(value: number, digits: number): string {
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
