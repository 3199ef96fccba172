import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { fault } from "../core/reasons.ts";

/** What a ready file says. */
export interface ReadyFacts {
  readonly urls: readonly string[];
  /** Where probes and metrics answer too, if anywhere. */
  readonly adminUrls?: readonly string[];
  readonly pid: number;
}

/** Removes what an earlier run may have left, so that nobody takes it for this one's. */
export function clearReadyFile(file: string): void {
  rmSync(file, { force: true });
}

/** Writes the file at once and whole: who waits for it never reads half of it. Throws `invalid_request` where it cannot be written. */
export function writeReadyFile(file: string, facts: ReadyFacts): void {
  const partial = `${file}.${facts.pid}.part`;
  try {
    writeFileSync(partial, `${JSON.stringify(facts)}\n`);
    renameSync(partial, file);
  } catch (error) {
    rmSync(partial, { force: true });
    const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
    throw fault("invalid_request", `--ready-file: ${file} cannot be written: ${code}`, { cause: error });
  }
}

/** Removes the file, unless another process has replaced it by its own. */
export function removeReadyFile(file: string, pid: number): void {
  try {
    const facts = JSON.parse(readFileSync(file, "utf8")) as Partial<ReadyFacts>;
    if (facts.pid === pid) rmSync(file, { force: true });
  } catch {
    // gone, or not ours: nothing to remove
  }
}
