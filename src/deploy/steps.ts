import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { join, relative } from "node:path";
import { root } from "./programs.ts";

/** A program that goes step by step, and tells each with its outcome. */
export interface Steps {
  /** Takes a step; what it answers is told, with how long it took. Throws what the step throws, once told. */
  readonly step: <Value>(name: string, work: () => Promise<Value>, tell?: (value: Value) => string) => Promise<Value>;
  /** Tells that something is not done here, and why. */
  readonly skip: (name: string, why: string) => void;
  /** Tells an error that no step has told. */
  readonly fail: (error: unknown) => void;
  /** A heading. */
  readonly part: (name: string) => void;
  /** Tells the counts, keeps the lines in src/bench/results where that was asked for by `--keep`, and answers with the exit code. */
  readonly end: () => number;
}

/** Begins one. */
export function steps(command: string): Steps {
  const lines: string[] = [];
  const told = new Set<unknown>();
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const startedMs = performance.now();
  const say = (line: string) => {
    lines.push(line);
    console.log(line);
  };
  return {
    async step(name, work, tell = outcomeText) {
      const beganMs = performance.now();
      const seconds = () => `${((performance.now() - beganMs) / 1000).toFixed(1)} s`;
      try {
        const value = await work();
        const outcome = tell(value);
        counts.passed++;
        say(`  ok      ${name}${outcome === "" ? "" : `: ${outcome}`} (${seconds()})`);
        return value;
      } catch (error) {
        if (told.has(error)) throw error;
        told.add(error);
        counts.failed++;
        say(`  FAILED  ${name} (${seconds()}): ${error instanceof Error ? error.message : String(error)}`);
        throw error;
      }
    },
    skip(name, why) {
      counts.skipped++;
      say(`  skipped ${name}: ${why}`);
    },
    fail(error) {
      if (told.has(error)) return;
      counts.failed++;
      say(`  FAILED  ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    },
    part: (name) => say(name),
    end() {
      const { passed, failed, skipped } = counts;
      say(`${command}: ${passed} passed, ${failed} failed, ${skipped} skipped, ${((performance.now() - startedMs) / 1000).toFixed(0)} s`);
      if (process.argv.includes("--keep")) console.log(`kept in ${keep(command, lines)}`);
      return failed === 0 ? 0 : 1;
    },
  };
}

function outcomeText(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function keep(command: string, lines: readonly string[]): string {
  const folder = join(root, "src", "bench", "results");
  mkdirSync(folder, { recursive: true });
  const date = new Date().toISOString();
  const path = join(folder, `${command.replaceAll(" ", "-")}-${date.slice(0, 19).replaceAll(":", "")}.txt`);
  const processors = cpus();
  const machine = `Node ${process.version}, ${processors.length} x ${processors[0]?.model ?? "unknown"}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}`;
  writeFileSync(path, `${[`${date}  ${commit()}`, `npm run ${command}`, machine, "", ...lines].join("\n")}\n`);
  return relative(process.cwd(), path);
}

/** Empty outside a git checkout. */
function commit(): string {
  try {
    return execFileSync("git", ["describe", "--always", "--dirty"], { cwd: root, encoding: "utf8" }).trim();
  } catch {
    return "";
  }
}
