import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { FromEngine, ToEngine } from "../../engine/protocol.ts";

/** A child process that runs the engine program. */
export interface EngineProcess {
  readonly pid: number | undefined;
  send(message: ToEngine): void;
  /** Ends it without asking. */
  kill(): void;
  /** Resolves with how it ended. */
  readonly exited: Promise<EngineExit>;
}

/** How a process ended. */
export interface EngineExit {
  /** Such as `SIGSEGV` or `code 1`. */
  readonly how: string;
  /** The last line of the native library, for people; empty when it said nothing. */
  readonly lastLine: string;
}

const program = fileURLToPath(new URL("../../engine/main.ts", import.meta.url));

/** Variables that the engine may need: where things are, and what its libraries read. Keys of upstreams and other secrets stay here. */
const passedOn =
  /^(PATH|HOME|TMPDIR|TEMP|TMP|TZ|LANG|LC_.*|SYSTEMROOT|WINDIR|LD_LIBRARY_PATH|DYLD_LIBRARY_PATH|(CUDA|NVIDIA|GGML|HIP|ROCR|HSA|VK|OMP|NODE_LLAMA_CPP)_.*)$/i;

/** Starts the program. With more than one libuv thread, idle compute threads of one spin against those of another. */
export function startEngine(onMessage: (message: FromEngine) => void): EngineProcess {
  const child = fork(program, [], {
    env: engineEnvironment(process.env),
    execArgv: ["--no-warnings"],
    serialization: "json",
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  const lastLine = keepLastLine(child);
  child.on("message", (message) => onMessage(message as FromEngine));
  const exited = new Promise<EngineExit>((resolve) => {
    child.once("error", (error) => resolve({ how: error.message, lastLine: lastLine() }));
    child.once("exit", (code, signal) => resolve({ how: signal ?? `code ${code}`, lastLine: lastLine() }));
  });
  return {
    pid: child.pid,
    // What is sent to a process that has just ended is answered by `exited`.
    send: (message) => void (child.connected && child.send(message, () => {})),
    kill: () => void child.kill("SIGKILL"),
    exited,
  };
}

/** The environment of an engine: an allow-list, and one libuv thread. */
export function engineEnvironment(from: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const passed = Object.entries(from).filter(([name]) => passedOn.test(name));
  return { ...Object.fromEntries(passed), UV_THREADPOOL_SIZE: "1" };
}

function keepLastLine(child: ChildProcess): () => string {
  let tail = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (tail = (tail + text).slice(-4096)));
  return () =>
    tail
      .split("\n")
      .map((line) => line.trim())
      .findLast((line) => line !== "") ?? "";
}
