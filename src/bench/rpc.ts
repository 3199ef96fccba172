import type { Bench, Report } from "./bench.ts";
import { measure, type Load } from "./load.ts";
import { loadOf, streamedWordCount } from "./requests.ts";
import { leaveServerCore, startParley, startRaw } from "./servers.ts";
import { median } from "./statistics.ts";

/** One thing that is measured. */
interface Case {
  readonly name: string;
  readonly port: number;
  readonly start: (port: number) => Promise<Load>;
  /** Messages of one answer. */
  readonly messages: number;
}

/** Throughput of every door beside a raw server, by turns. */
export const rpc: Bench = {
  what: "gRPC, Connect and REST throughput of `npm start` on echo beside a raw node:http2 server; the servers on one core, the load on another",
  options: {
    rounds: { default: 5, what: "rounds; each measures everything once" },
    seconds: { default: 2, what: "seconds for each measurement" },
    connections: { default: 4, what: "connections of HTTP/2" },
    streams: { default: 16, what: "requests at once on each; over HTTP/1.1 each has a connection of its own" },
  },
  async run({ rounds = 5, seconds = 2, connections = 4, streams = 16 }, say) {
    leaveServerCore();
    const servers = await Promise.all([startRaw(), startParley()]);
    try {
      const [raw, parley] = servers.map(({ port }) => port) as [number, number];
      const at = { connections, streams };
      const cases = (["unary", "stream"] as const).map((shape) => {
        const messages = shape === "unary" ? 1 : streamedWordCount + 4;
        return [
          { name: `raw node:http2, gRPC ${shape}`, port: raw, start: loadOf("grpc", shape, at), messages },
          { name: `parley, gRPC ${shape}`, port: parley, start: loadOf("grpc", shape, at), messages },
          { name: `parley, Connect ${shape}`, port: parley, start: loadOf("connect", shape, at), messages },
          { name: `parley, REST ${shape}`, port: parley, start: loadOf("rest", shape, at), messages },
        ];
      });
      const groups: Group[] = [];
      for (const group of cases) groups.push(await compare(group, rounds, seconds));
      const report = reportOf(groups);
      report.lines.forEach(say);
      return report;
    } finally {
      await Promise.all(servers.map((server) => server.stop()));
    }
  },
};

interface Row {
  readonly name: string;
  readonly rounds: readonly number[];
  readonly median: number;
  readonly ratio: number;
  readonly bytesPerAnswer: number;
}

type Group = readonly Row[];

/** Measures all by turns; the ratio is the median of each round's own, so that what disturbs the machine meets both sides. */
async function compare(cases: readonly Case[], rounds: number, seconds: number): Promise<Group> {
  for (const { port, start } of cases) await measure(() => start(port), 1.5);
  const rates = cases.map((): number[] => []);
  const bytes = cases.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, { port, start, messages }] of cases.entries()) {
      const { answersPerSecond, bytesPerAnswer } = await measure(() => start(port), seconds);
      rates[index]?.push(answersPerSecond * messages);
      bytes[index]?.push(bytesPerAnswer);
    }
  }
  return cases.map(({ name }, index) => {
    const own = rates[index] ?? [];
    const ratios = own.map((rate, round) => rate / (rates[0]?.[round] ?? Number.NaN));
    return { name, rounds: own, median: median(own), ratio: median(ratios), bytesPerAnswer: median(bytes[index] ?? []) };
  });
}

function reportOf(groups: readonly Group[]): Report {
  const row = ({ name, median: rate, ratio, bytesPerAnswer }: Row) =>
    `${name.padEnd(32)}${Math.round(rate).toLocaleString("en").padStart(12)}${ratio.toFixed(2).padStart(8)}x${Math.round(bytesPerAnswer).toString().padStart(14)}`;
  const head = (unit: string) => `${"".padEnd(32)}${unit.padStart(12)}${"of raw".padStart(9)}${"bytes/answer".padStart(14)}`;
  const [unary = [], stream = []] = groups;
  return { lines: [head("requests/s"), ...unary.map(row), "", head("messages/s"), ...stream.map(row)], data: groups };
}
