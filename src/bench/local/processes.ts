import { readFileSync } from "node:fs";

/** What a process holds in memory of its own, swapped out parts included and pages of files left out, bytes (Linux). */
export function heldBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const kilobytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "mu").exec(status)?.[1] ?? 0);
  return (kilobytes("RssAnon") + kilobytes("VmSwap")) * 1024;
}

/** The one process below a process. */
export function childOf(pid: number): number {
  const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
  if (child === undefined) throw new Error(`process ${pid} has no child`);
  return child;
}
