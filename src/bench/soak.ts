import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readCatalog } from "../library/catalog.ts";
import type { Bench } from "./bench.ts";
import { setup, startService } from "./local/contestants.ts";
import { tokensRequest, type ParleyContestant } from "./local/parley.ts";
import { childOf, heldBytes } from "./local/processes.ts";
import { freshPrompt } from "./local/prompts.ts";
import { soakStreams, type SoakTally } from "./local/soak-streams.ts";
import { fitLine } from "./statistics.ts";

const megabyte = 1e6;
const minuteMs = 60_000;

/** What was held after so many minutes, bytes. */
interface Point {
  readonly minutes: number;
  readonly service: number;
  readonly engine: number;
  readonly tally: SoakTally;
}

/** A long time under load. */
export const soak: Bench = {
  what: "`npm start` with SmolLM2 under calls of all kinds that never cease: failed calls, sequences lost, slope of the memory held",
  options: {
    minutes: { default: 60, what: "how long" },
    streams: { default: 8, what: "calls that run at once, and sequences of the model" },
    threads: { default: 1, what: "compute threads of the model" },
  },
  async run({ minutes = 60, streams = 8, threads = 1 }, say) {
    const common = await setup();
    const { defaultId } = await readCatalog(join(import.meta.dirname, "..", "..", "models", "catalog.json"));
    const config = { models: { options: { [defaultId]: { sequences: streams, threads, contextLength: 2048 } } } };
    const service = await startService(common, { config });
    try {
      const pid = service.server.process.pid ?? 0;
      const model = childOf(pid);
      const load = soakStreams(service.client, streams);
      const points: Point[] = [];
      const lines: string[] = [];
      const tell = (line: string) => {
        lines.push(line);
        say(line);
      };
      const beganMs = performance.now();
      while (performance.now() - beganMs < minutes * minuteMs) {
        await sleep(Math.min(minuteMs, (minutes * minuteMs) / 20));
        const held = { service: heldBytes(pid), engine: heldBytes(model) };
        const point = { minutes: (performance.now() - beganMs) / minuteMs, ...held, tally: load.tally() };
        points.push(point);
        tell(lineOf(point));
      }
      await load.stop();
      const tally = load.tally();
      const waited = await callsThatWait(service, streams);
      tell(
        `${tally.calls} calls, ${tally.left} left by their client, ${tally.failed} failed; ${tally.tokens} tokens written, ${tally.cachedTokens} of prompts not computed again`,
      );
      for (const [failure, count] of Object.entries(tally.failures)) tell(`  ${count} x ${failure}`);
      tell(
        `${waited} of ${streams} calls had to wait for a sequence afterwards; the model's process is ${childOf(pid) === model ? "the same" : "ANOTHER"}`,
      );
      for (const part of ["service", "engine"] as const) tell(slopeOf(part, points));
      return { lines, data: { points, tally, waited } };
    } finally {
      await service.stop();
    }
  },
};

function lineOf({ minutes, service, engine, tally }: Point): string {
  const memory = `service ${(service / megabyte).toFixed(1)} MB, engine ${(engine / megabyte).toFixed(1)} MB`;
  return `${minutes.toFixed(1).padStart(6)} min  ${String(tally.calls).padStart(7)} calls  ${String(tally.failed).padStart(4)} failed  ${memory}`;
}

/** Of the last three quarters: in the first caches fill. */
function slopeOf(part: "service" | "engine", points: readonly Point[]): string {
  const settled = points.slice(Math.floor(points.length / 4));
  const { slope, margin } = fitLine(settled.map((point) => [point.minutes / 60, point[part] / megabyte]));
  return `${part}: ${slope.toFixed(2)} MB an hour, +- ${margin.toFixed(2)} (95 %), over the last ${settled.length} measurements`;
}

/** How many of as many calls as there are sequences find none free. */
async function callsThatWait({ client }: ParleyContestant, sequences: number): Promise<number> {
  const waits = Array.from({ length: sequences }, async () => {
    let isWaiting = false;
    for await (const { event } of client.stream({ ...tokensRequest("", freshPrompt(8), 40), includeProgress: true }))
      if (event.case === "progress" && event.value.queuePosition !== undefined) isWaiting = true;
    return isWaiting;
  });
  return (await Promise.all(waits)).filter(Boolean).length;
}
