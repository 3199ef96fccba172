import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { constants, copyFileSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** A server that runs in a process of its own. */
export interface BenchServer {
  readonly port: number;
  readonly process: ChildProcess;
  stop(): Promise<void>;
}

const root = join(import.meta.dirname, "..", "..");

/** On which core servers run; the load runs on another, so that neither takes the other's time. */
const serverCore = "0";

/** Moves this process, the load, off the servers' core. Throws on a machine with one core. */
export function leaveServerCore(): void {
  if (cpus().length < 2) throw new Error("this benchmark needs two cores: one for the server, one for the load");
  execFileSync("taskset", ["-acp", `1-${cpus().length - 1}`, String(process.pid)], { stdio: "ignore" });
}

/** What a service is started with. */
export interface ParleyOptions {
  readonly nodeOptions?: readonly string[];
  /** Path of the one model it has; without one it echoes. */
  readonly model?: string;
  /** Beside the defaults. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Configuration file's content; absent: none. */
  readonly config?: unknown;
}

/** Starts `parley serve` as `npm start` does, with a free port; everything else is the default. Its log goes to a file. Echo runs on the servers' core, a model on all. */
export async function startParley({ nodeOptions = [], model, environment = {}, config = {} }: ParleyOptions = {}): Promise<BenchServer> {
  const folder = mkdtempSync(join(tmpdir(), "parley-bench-"));
  const models = join(folder, "models");
  mkdirSync(models);
  // A link that leaves the folder is not served: a model that is had already would be pulled again, or echo would answer in its place.
  if (model !== undefined) copyFileSync(model, join(models, basename(model)), constants.COPYFILE_FICLONE);
  const log = openSync(join(folder, "parley.log"), "w");
  writeFileSync(join(folder, "parley.json"), JSON.stringify(config));
  const words = [
    ...nodeOptions,
    "src/bin.js",
    "serve",
    "--port",
    "0",
    "--ready-file",
    join(folder, "ready.json"),
    "--config",
    join(folder, "parley.json"),
  ];
  const variables = {
    ...process.env,
    ...(model === undefined && { LLM_DEFAULT_PROVIDER: "echo" }),
    LLM_MODELS_DIR: models,
    LLM_DATA_DIR: join(folder, "data"),
    ...environment,
  };
  const [program = "", ...first] = model === undefined ? ["taskset", "-c", serverCore, process.execPath] : [process.execPath];
  const child = spawn(program, [...first, ...words], {
    cwd: root,
    env: variables,
    stdio: ["ignore", log, log, ...(nodeOptions.length > 0 ? (["ipc"] as const) : [])],
  });
  return {
    port: await portOf(child, folder),
    process: child,
    async stop() {
      child.kill("SIGTERM");
      await once(child, "exit");
      rmSync(folder, { recursive: true });
    },
  };
}

/** Where a service listens, once it does. */
async function portOf(child: ChildProcess, folder: string): Promise<number> {
  const readyFile = join(folder, "ready.json");
  while (!existsSync(readyFile)) {
    if (child.exitCode !== null) throw new Error(`parley ended: ${readFileSync(join(folder, "parley.log"), "utf8")}`);
    await sleep(20);
  }
  const { urls } = JSON.parse(readFileSync(readyFile, "utf8")) as { urls: readonly string[] };
  return Number(new URL(urls[0] ?? "").port);
}

/** Programs that are measured beside the service: the raw ceiling, the doors alone, and what others would take. */
export type BareServer = "raw-server" | "door-server" | "grpc-js-server" | "connect-server";

/** Starts one. */
export async function startBare(program: BareServer): Promise<BenchServer> {
  // As src/bin.js sets it for the service.
  const words = ["-c", serverCore, process.execPath, "--no-allocation-site-pretenuring", join(import.meta.dirname, `${program}.ts`)];
  const child = spawn("taskset", words, {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return {
    port: Number(line.toString()),
    process: child,
    async stop() {
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}

/** CPU time that a server has taken so far, all its threads together, microseconds; in steps of 10 ms. */
export function cpuUsOf({ process: child }: Pick<BenchServer, "process">): number {
  const fields = readFileSync(`/proc/${child.pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  const ticks = Number(fields[11]) + Number(fields[12]);
  return ticks * tickUs;
}

/** A tick of Linux, microseconds. */
const tickUs = 10_000;
