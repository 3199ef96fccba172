import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { constants, setPriority } from "node:os";
import type { Duplex } from "node:stream";
import { fileURLToPath } from "node:url";
import { childEnvironment, type Variables } from "../../core/child-environment.ts";
import { parsedJson } from "../../core/json.ts";
import { lineSplitter } from "../../core/line-splitter.ts";
import { engineChannel, mostMessageBytes, type FromEngine, type ToEngine } from "../../engine/protocol/messages.ts";

/** A child process that runs the engine program. */
export interface EngineProcess {
  readonly pid: number | undefined;
  send(message: ToEngine): void;
  /** Ends it without asking. */
  kill(): void;
  /** Its last lines so far, for the log: they may hold paths. */
  lastWords(): string;
  /** Resolves with how it ended. */
  readonly exited: Promise<EngineExit>;
}

/** How a process ended. */
export interface EngineExit {
  /** Such as `SIGSEGV` or `code 1`. */
  readonly how: string;
  /** Its last lines, for the log: they may hold paths. Empty when it said nothing. */
  readonly lastWords: string;
}

/** Who listens to a process. */
export interface EngineProcessOptions {
  /** The program; the engine itself unless said otherwise. */
  readonly program?: string | undefined;
  /** Threads on which the library computes; each has compute threads of its own. Default 1. */
  readonly libuvThreads?: number;
  /** Whether the system shall let others compute first. Default: no. */
  readonly givesWay?: boolean | undefined;
  readonly onMessage: (message: FromEngine) => void;
  /** It said what is no message; what that was, without its words. */
  readonly onNonsense: (what: string) => void;
  /** A line of the native library. */
  readonly onLine: (line: string) => void;
}

const engineProgram = fileURLToPath(new URL("../../engine/main.ts", import.meta.url));

/** So many lines are kept for the end. */
const mostLines = 10;
const mostLineLength = 1000;
const mostLineBytes = 64 * 1024;

/** What the engine's libraries read besides. Keys of upstreams and other secrets stay here. */
const passedOn = /^(CUDA|NVIDIA|GGML|HIP|ROCR|HSA|VK|OMP|NODE_LLAMA_CPP)_/i;

/** Starts the program. Its channel is a pipe and not that of `fork`, which ends the service when a process says what is no JSON. With more than one libuv thread, idle compute threads of one spin against those of another. */
export function startEngine(options: EngineProcessOptions): EngineProcess {
  const { program = engineProgram, libuvThreads, givesWay = false, onMessage, onNonsense, onLine } = options;
  const child = spawn(process.execPath, ["--no-warnings", program], {
    env: engineEnvironment(process.env, libuvThreads),
    // Both ends of an `overlapped` pipe can be read without blocking, under Windows too.
    stdio: ["ignore", "ignore", "pipe", "overlapped"],
  });
  offerToOomKiller(child.pid);
  // At once: threads have the priority of the one that starts them, and there is only the first now.
  if (givesWay) lowerPriority(child.pid);
  const lines: string[] = [];
  const keep = (line: string) => {
    lines.push(line);
    if (lines.length > mostLines) lines.shift();
    onLine(line);
  };
  const onLibraryLine = (line: string) => void (line.trim() !== "" && keep(line.slice(0, mostLineLength)));
  child.stderr?.on("data", lineSplitter({ maxBytes: mostLineBytes, onLine: onLibraryLine, onTooLong: () => {} }));
  const channel = child.stdio[engineChannel] as Duplex;
  const onJson = (line: string) => {
    const message = parsedJson(line) as FromEngine | undefined;
    if (message === undefined) onNonsense("no JSON");
    else onMessage(message);
  };
  channel.on(
    "data",
    lineSplitter({ maxBytes: mostMessageBytes, onLine: onJson, onTooLong: () => onNonsense("a message that is too long") }),
  );
  // How it ended is told by `exited`.
  channel.on("error", () => {});
  const exited = new Promise<EngineExit>((resolve) => {
    child.once("error", (error) => resolve({ how: "no start", lastWords: error.message }));
    // Comes after the last line has been read, as `exit` does not.
    child.once("close", (code, signal) => resolve({ how: signal ?? `code ${code}`, lastWords: lines.join("\n") }));
  });
  return {
    pid: child.pid,
    // What is sent to a process that has just ended is answered by `exited`.
    send: (message) => void (channel.writable && channel.write(`${JSON.stringify(message)}\n`)),
    kill: () => void child.kill("SIGKILL"),
    lastWords: () => lines.join("\n"),
    exited,
  };
}

/** Where memory runs out, the system shall end an engine rather than the service: one model is less than all. */
function offerToOomKiller(pid: number | undefined): void {
  if (process.platform !== "linux" || pid === undefined) return;
  // A process that has ended already has no such file, and some containers forbid it: nothing is lost but the preference.
  writeFile(`/proc/${pid}/oom_score_adj`, "500").catch(() => {});
}

function lowerPriority(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // It has ended already, which `exited` tells.
  }
}

/** The environment of an engine: an allow-list, its libuv threads, and huge pages for what it allocates where Linux gives them to those who ask: a processor's TLB has room for few of the small ones that weights and the key-value cache are made of. An operator's own tunables come last, and so have the last word. */
export function engineEnvironment(from: Variables, libuvThreads = 1): NodeJS.ProcessEnv {
  // Of the GNU C library (2.35 and later); others do not read it.
  const tunables = ["glibc.malloc.hugetlb=1", from["GLIBC_TUNABLES"]].filter((each) => each !== undefined && each !== "");
  return { ...childEnvironment(from, passedOn), UV_THREADPOOL_SIZE: String(libuvThreads), GLIBC_TUNABLES: tunables.join(":") };
}
