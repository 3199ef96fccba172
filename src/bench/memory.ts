import type { Bench } from "./bench.ts";
import { heapOf, probed } from "./heap.ts";
import { exhaust, type Load } from "./load.ts";
import { loadOf } from "./requests.ts";
import { leaveServerCore, startParley, type BenchServer } from "./servers.ts";
import { fitLine } from "./statistics.ts";

const protocols = ["grpc", "connect", "rest"] as const;
const megabyte = 1e6;

/** What the heap held after so many calls. */
interface Point {
  readonly calls: number;
  readonly heapUsed: number;
  readonly rss: number;
}

/** The slope of the heap over many calls. */
export const memory: Bench = {
  what: "slope of the heap of `npm start` after forced collection, over unary calls and streams through every door",
  options: {
    calls: { default: 200_000, what: "unary calls" },
    streams: { default: 20_000, what: "streams" },
    points: { default: 20, what: "measurements in each part" },
  },
  async run({ calls = 200_000, streams = 20_000, points = 20 }, say) {
    leaveServerCore();
    const server = await startParley({ nodeOptions: probed });
    try {
      const lines: string[] = [];
      const data: Record<string, unknown> = {};
      for (const [shape, total] of [
        ["unary", calls],
        ["stream", streams],
      ] as const) {
        // A tenth before counting: caches fill and code is compiled.
        await run(server, shape, total / 10);
        const found = await watch(server, { shape, total, points });
        const { slope, margin } = fitLine(found.map(({ calls: x, heapUsed }) => [x, heapUsed]));
        const perCalls = (bytes: number) => ((bytes * 100_000) / megabyte).toFixed(3);
        const line = `${shape.padEnd(8)}${perCalls(slope).padStart(10)} MB per 100,000 calls, +- ${perCalls(margin)} (95 %), over ${total.toLocaleString("en")} calls; heap ${(
          (found.at(-1)?.heapUsed ?? 0) / megabyte
        ).toFixed(1)} MB, resident ${((found.at(-1)?.rss ?? 0) / megabyte).toFixed(1)} MB`;
        say(line);
        lines.push(line);
        data[shape] = { slopeBytesPerCall: slope, marginBytesPerCall: margin, points: found };
      }
      return { lines, data };
    } finally {
      await server.stop();
    }
  },
};

async function watch(
  server: BenchServer,
  { shape, total, points }: { shape: "unary" | "stream"; total: number; points: number },
): Promise<Point[]> {
  const found: Point[] = [];
  for (let point = 1; point <= points; point++) {
    await run(server, shape, total / points);
    found.push({ calls: (total / points) * point, ...(await heapOf(server)) });
  }
  return found;
}

/** So many calls, a share through each door. */
async function run(server: BenchServer, shape: "unary" | "stream", calls: number): Promise<void> {
  for (const protocol of protocols) {
    const start = (): Promise<Load> => loadOf(protocol, shape, { connections: 2, streams: 8 })(server.port);
    await exhaust(start, Math.ceil(calls / protocols.length));
  }
}
