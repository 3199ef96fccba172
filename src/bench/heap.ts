import { once } from "node:events";
import { join } from "node:path";
import type { BenchServer } from "./servers.ts";

/** Options of Node with which a service can be asked for its heap. */
export const probed: readonly string[] = ["--expose-gc", "--import", join(import.meta.dirname, "heap-probe.ts")];

/** What a service that was started with these options holds after a forced collection, bytes. */
export async function heapOf({ process: child }: BenchServer): Promise<{ heapUsed: number; rss: number }> {
  const answer = once(child, "message");
  child.send("measure");
  const [{ heapUsed, rss }] = (await answer) as [{ heapUsed: number; rss: number }];
  return { heapUsed, rss };
}
