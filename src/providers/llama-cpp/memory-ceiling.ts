import { readFile } from "node:fs/promises";
import type { Clock } from "../../core/ports.ts";

/** What a watch over a process's memory needs. */
export interface MemoryCeilingOptions {
  readonly clock: Clock;
  /** So many bytes more than at the beginning are too many. */
  readonly growthBytes: number;
  /** Memory of the process now, bytes; undefined when it is not known. */
  readonly read: () => Promise<number | undefined>;
  /** Called once. */
  readonly onPassed: (bytes: number, ceilingBytes: number) => void;
}

/** Between two looks, ms: leaks that have been seen take minutes. */
const intervalMs = 10_000;

/** Watches how much memory a process takes beyond what it takes now; the answer ends the watch. */
export function memoryCeiling({ clock, growthBytes, read, onPassed }: MemoryCeilingOptions): () => void {
  let ceilingBytes: number | undefined;
  let isOver = false;
  let cancel = () => {};
  const look = async () => {
    const bytes = await read();
    if (isOver) return;
    if (bytes !== undefined) ceilingBytes ??= bytes + growthBytes;
    if (bytes !== undefined && ceilingBytes !== undefined && bytes > ceilingBytes) return onPassed(bytes, ceilingBytes);
    cancel = clock.after(intervalMs, () => void look());
  };
  void look();
  return () => {
    isOver = true;
    cancel();
  };
}

/** Memory that a process holds for itself, in RAM or swapped out, bytes: files that are mapped do not count. Undefined where the system does not tell, or the process is gone. */
export async function ownMemory(pid: number | undefined): Promise<number | undefined> {
  if (process.platform !== "linux" || pid === undefined) return undefined;
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  const kibibytes = ["RssAnon", "VmSwap"].map((key) => new RegExp(`^${key}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]);
  return kibibytes[0] === undefined ? undefined : kibibytes.reduce((sum, value) => sum + Number(value ?? 0), 0) * 1024;
}
