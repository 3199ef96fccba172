import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { watch } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JsonObject } from "@bufbuild/protobuf";
import type { Variables } from "../core/child-environment.ts";
import { writeTinyGguf, type TinyGgufOptions } from "./tiny-gguf.ts";

/** A `parley serve` in a process of its own. */
export interface ParleyProcess {
  readonly url: string;
  readonly process: ChildProcess;
  /** Temporary folder with its models and its log. */
  readonly folder: string;
  /** What it has written to standard output and standard error so far. */
  output(): string;
  /** Process ids of its children. */
  children(): Promise<number[]>;
  /** How it ended: the exit code, or the signal. */
  readonly ended: Promise<number | NodeJS.Signals>;
  /** Ends it if it runs, and frees everything. */
  cleanUp(): Promise<void>;
}

/** What it is to be. */
export interface ParleyProcessOptions {
  readonly models?: Readonly<Record<string, TinyGgufOptions>>;
  /** Configuration file beside the options that tests need for each model. */
  readonly config?: JsonObject;
  readonly modelOptions?: JsonObject;
  readonly environment?: Variables;
}

const bin = join(import.meta.dirname, "..", "bin.js");

/** Starts one on a free port with echo as its default, and waits until it listens. */
export async function startParleyProcess(options: ParleyProcessOptions = {}): Promise<ParleyProcess> {
  const { models = {}, config = {}, modelOptions = {}, environment = {} } = options;
  const folder = await mkdtemp(join(tmpdir(), "parley-process-"));
  for (const [name, tiny] of Object.entries(models)) await writeTinyGguf(join(folder, `${name}.gguf`), tiny);
  const each = Object.fromEntries(Object.keys(models).map((name) => [name, { threads: 1, ...modelOptions }]));
  await writeFile(join(folder, "parley.json"), JSON.stringify({ ...config, models: { options: each } }));
  const readyFile = join(folder, "ready.json");
  const own = {
    LLM_DEFAULT_PROVIDER: "echo",
    LLM_MODELS_DIR: folder,
    LLM_DATA_DIR: join(folder, "data"),
    LLM_LOG_FILE: join(folder, "log"),
  };
  const words = [bin, "serve", "--port", "0", "--config", join(folder, "parley.json"), "--ready-file", readyFile];
  const isReady = appearance(folder, "ready.json");
  const child = spawn(process.execPath, words, { env: { ...process.env, ...own, ...environment }, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  const ended = once(child, "exit").then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals);
  await Promise.race([isReady, ended.then(() => Promise.reject(new Error(`it ended: ${output}`)))]);
  const { urls } = JSON.parse(await readFile(readyFile, "utf8")) as { urls: string[] };
  return {
    url: urls[0] ?? "",
    process: child,
    folder,
    output: () => output,
    children: () => childrenOf(child.pid ?? 0),
    ended,
    async cleanUp() {
      child.kill("SIGKILL");
      await ended;
      await rm(folder, { recursive: true });
    },
  };
}

/** Whether a process runs; one that has ended and is not collected yet does not. */
export async function isRunning(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "State:\tX");
  return !/^State:\t[XZ]/mu.test(status);
}

/** Processes below a process. */
async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
  return text.split(" ").filter(Boolean).map(Number);
}

/** Resolves when a file appears in a folder. */
function appearance(folder: string, name: string): Promise<void> {
  return new Promise((resolve) => {
    const watcher = watch(folder, (_event, file) => {
      if (file !== name) return;
      watcher.close();
      resolve();
    });
  });
}
