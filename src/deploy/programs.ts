import { execFile, execFileSync } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

const execute = promisify(execFile);

/** Folder of the project. */
export const root: string = join(import.meta.dirname, "..", "..");

/** Whether a program is on the path. */
export function isThere(program: string): boolean {
  try {
    execFileSync("sh", ["-c", `command -v ${program}`], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** How a program is run. */
export interface RunOptions {
  readonly cwd?: string;
  readonly environment?: NodeJS.ProcessEnv;
  readonly timeoutMs?: number;
}

/** Runs a program to its end and answers with what it wrote to standard output. Throws with what it wrote to standard error. */
export async function run(program: string, words: readonly string[], options: RunOptions = {}): Promise<string> {
  return (await runWhole(program, words, options)).stdout;
}

/** The same with both outputs. */
export async function runWhole(
  program: string,
  words: readonly string[],
  options: RunOptions = {},
): Promise<{ stdout: string; stderr: string }> {
  const { cwd = root, environment = {}, timeoutMs = 600_000 } = options;
  try {
    const env = { ...process.env, ...environment };
    return await execute(program, words, { cwd, env, timeout: timeoutMs, maxBuffer: 256 * 1024 * 1024 });
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    throw new Error(`${program} ${words.join(" ")}: ${(stderr || stdout || String(error)).trim()}`, { cause: error });
  }
}
