import type { BigIntStats } from "node:fs";

/** What tells one state of a file from another without reading it. */
export function fileKey(stats: BigIntStats): string {
  return `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeNs}`;
}
