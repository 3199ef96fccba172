import type { Bench, Report } from "./bench.ts";
import { callParts, type CallPart } from "./call-parts.ts";
import { measure, type Load } from "./load.ts";
import { loadOf, streamedWordCount, unaryWords, type Protocol } from "./requests.ts";
import { cpuUsOf, leaveServerCore, startBare, startParley, type BenchServer } from "./servers.ts";
import { median } from "./statistics.ts";

/** One thing that is measured. */
interface Case {
  readonly name: string;
  readonly server: BenchServer;
  readonly start: (port: number) => Promise<Load>;
  /** Messages of one answer. */
  readonly messages: number;
}

const shapes = ["unary", "stream"] as const;

/** Throughput of every door beside a raw server, by turns. */
export const rpc: Bench = {
  what: "gRPC, gRPC-Web, Connect and REST throughput of `npm start` on echo beside a raw node:http2 server, grpc-js and plain Connect; where a call's time goes",
  options: {
    rounds: { default: 5, what: "rounds; each measures everything once" },
    seconds: { default: 2, what: "seconds for each measurement" },
    connections: { default: 4, what: "connections of HTTP/2" },
    streams: { default: 16, what: "requests at once on each; over HTTP/1.1 each has a connection of its own" },
  },
  async run({ rounds = 5, seconds = 2, connections = 4, streams = 16 }, say) {
    leaveServerCore();
    const bare = ["raw-server", "door-server", "grpc-js-server", "connect-server"] as const;
    const servers = await Promise.all([...bare.map(startBare), startParley()]);
    try {
      const groups: Group[] = [];
      for (const shape of shapes) groups.push(await compare(casesOf(servers, shape, { connections, streams }), rounds, seconds));
      const report = reportOf(groups, await callParts(unaryWords, rounds));
      report.lines.forEach(say);
      return report;
    } finally {
      await Promise.all(servers.map((server) => server.stop()));
    }
  },
};

function casesOf(servers: readonly BenchServer[], shape: (typeof shapes)[number], at: { connections: number; streams: number }): Case[] {
  const [raw, door, grpcJs, connect, parley] = servers as [BenchServer, BenchServer, BenchServer, BenchServer, BenchServer];
  const messages = shape === "unary" ? 1 : streamedWordCount + 4;
  const row = (name: string, server: BenchServer, protocol: Protocol = "grpc"): Case => ({
    name: `${name} ${shape}`,
    server,
    start: loadOf(protocol, shape, at),
    messages,
  });
  return [
    row("raw node:http2, gRPC", raw),
    row("parley's doors alone, gRPC", door),
    row("grpc-js, gRPC", grpcJs),
    row("plain Connect, gRPC", connect),
    row("parley, gRPC", parley),
    row("parley, gRPC-Web", parley, "grpc-web"),
    row("parley, Connect", parley, "connect"),
    row("parley, REST", parley, "rest"),
  ];
}

interface Row {
  readonly name: string;
  readonly rounds: readonly number[];
  readonly median: number;
  readonly ratio: number;
  readonly bytesPerAnswer: number;
  /** Of the server, for one message, microseconds. */
  readonly cpuUs: number;
  /** The raw server's by this one's. */
  readonly cpuRatio: number;
}

type Group = readonly Row[];

/** Measures all by turns; the ratios are medians of each round's own, so that what disturbs the machine meets both sides. */
async function compare(cases: readonly Case[], rounds: number, seconds: number): Promise<Group> {
  for (const { server, start } of cases) await measure(() => start(server.port), 1.5);
  const rates = cases.map((): number[] => []);
  const bytes = cases.map((): number[] => []);
  const cpu = cases.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, { server, start, messages }] of cases.entries()) {
      const measured = await measure(
        () => start(server.port),
        seconds,
        () => cpuUsOf(server),
      );
      rates[index]?.push(measured.answersPerSecond * messages);
      bytes[index]?.push(measured.bytesPerAnswer);
      cpu[index]?.push(measured.cpuUsPerAnswer / messages);
    }
  }
  const rawOf = (values: readonly number[][], round: number) => values[0]?.[round] ?? Number.NaN;
  return cases.map(({ name }, index) => {
    const [own, costs] = [rates[index] ?? [], cpu[index] ?? []];
    return {
      name,
      rounds: own,
      median: median(own),
      ratio: median(own.map((rate, round) => rate / rawOf(rates, round))),
      bytesPerAnswer: median(bytes[index] ?? []),
      cpuUs: median(costs),
      cpuRatio: median(costs.map((cost, round) => rawOf(cpu, round) / cost)),
    };
  });
}

function reportOf(groups: readonly Group[], parts: readonly CallPart[]): Report {
  const [unary = [], stream = []] = groups;
  const lines = [head("requests/s"), ...unary.map(line), "", head("messages/s"), ...stream.map(line), "", ...timesOf(unary, parts)];
  return { lines, data: { groups, parts } };
}

const head = (unit: string) =>
  `${"".padEnd(36)}${unit.padStart(12)}${"of raw".padStart(9)}${"CPU us each".padStart(13)}${"of raw".padStart(9)}${"bytes/answer".padStart(14)}`;

function line({ name, median: rate, ratio, bytesPerAnswer, cpuUs, cpuRatio }: Row): string {
  const cells = [Math.round(rate).toLocaleString("en").padStart(12), `${ratio.toFixed(2)}x`.padStart(9), cpuUs.toFixed(2).padStart(13)];
  return `${name.padEnd(36)}${cells.join("")}${`${cpuRatio.toFixed(2)}x`.padStart(9)}${Math.round(bytesPerAnswer).toString().padStart(14)}`;
}

/** Where the CPU time of a unary call over gRPC goes. The parts behind the doors are measured in a loop of their own, with nothing else to do: beside a network they take more. */
function timesOf(unary: Group, parts: readonly CallPart[]): readonly string[] {
  const [raw, door, parley] = [unary[0]?.cpuUs ?? 0, unary[1]?.cpuUs ?? 0, unary[4]?.cpuUs ?? 0];
  const row = (name: string, us: number) => `  ${name.padEnd(34)}${us.toFixed(2).padStart(12)}`;
  return [
    "where a unary call's CPU time goes, us",
    row("HTTP/2 and Protobuf (the raw server)", raw),
    row("door and admission", door - raw),
    row("behind the doors", parley - door),
    ...parts.map(({ name, us }) => row(`  ${name}`, us)),
  ];
}
