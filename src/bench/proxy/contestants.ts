import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { connect } from "node:net";
import { cpus } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startParley } from "../servers.ts";

/** A gateway in front of the mock upstream, or the mock itself. */
export interface Contestant {
  readonly name: string;
  readonly port: number;
  /** What its requests say beside the rest. */
  readonly headers: Readonly<Record<string, string>>;
  readonly process: ChildProcess;
  stop(): Promise<void>;
}

const root = join(import.meta.dirname, "..", "..", "..");
const serverCore = "0";

/** Of the gateway that Parley is measured against, and of what it is built on: newer ones may be faster or slower. */
const portkeyPackage = {
  name: "portkey",
  private: true,
  dependencies: { "@portkey-ai/gateway": "1.15.2" },
  overrides: { hono: "4.9.7", "@hono/node-server": "1.13.5" },
};

/** Starts the mock upstream, on the load's core. */
export async function startMock(): Promise<Contestant> {
  const words = ["-c", `1-${cpus().length - 1}`, process.execPath, join(import.meta.dirname, "mock-program.ts")];
  const child = spawn("taskset", words, { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return { name: "the upstream itself", port: Number(line.toString()), headers: {}, process: child, stop: () => ended(child) };
}

/** Starts Parley as `npm start` does, with the mock as its one upstream. */
export async function startParleyBefore(mock: Contestant): Promise<Contestant> {
  const upstream = {
    name: "mock",
    kind: "openai",
    baseUrl: `http://127.0.0.1:${mock.port}/v1`,
    apiKeys: ["sk-bench"],
    models: ["mock", "slow"],
  };
  const server = await startParley({ config: { upstreams: [upstream] }, environment: { LLM_DEFAULT_PROVIDER: "mock" } });
  return { name: "parley", port: server.port, headers: {}, process: server.process, stop: () => server.stop() };
}

/** Starts Portkey's gateway, installed below `.cache` where it is not there yet; it is told the upstream by each request. */
export async function startPortkeyBefore(mock: Contestant): Promise<Contestant> {
  const port = await freePort();
  const words = ["-c", serverCore, process.execPath, installedPortkey(), `--port=${port}`, "--headless"];
  const child = spawn("taskset", words, { stdio: "ignore", env: { ...process.env, NODE_ENV: "production" } });
  await reachable(port, child);
  const headers = {
    authorization: "Bearer sk-bench",
    "x-portkey-provider": "openai",
    "x-portkey-custom-host": `http://127.0.0.1:${mock.port}/v1`,
  };
  return { name: "portkey", port, headers, process: child, stop: () => ended(child) };
}

/** Path of its program. */
function installedPortkey(): string {
  const folder = join(root, ".cache", "portkey");
  const program = join(folder, "node_modules", "@portkey-ai", "gateway", "build", "start-server.js");
  const wanted = JSON.stringify(portkeyPackage);
  const manifest = join(folder, "package.json");
  if (existsSync(program) && existsSync(manifest) && readFileSync(manifest, "utf8") === wanted) return program;
  mkdirSync(folder, { recursive: true });
  writeFileSync(manifest, wanted);
  execFileSync("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: folder, stdio: "ignore" });
  return program;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

async function reachable(port: number, child: ChildProcess): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`a gateway ended with ${child.exitCode}`);
    const socket = connect({ port, host: "127.0.0.1" });
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
    });
    socket.destroy();
    if (isOpen) return;
    await sleep(50);
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}

/** CPU time that a process has taken, ms; in steps of 10. */
export function cpuMs({ process: { pid } }: Contestant): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  const ticks = Number(fields[11]) + Number(fields[12]);
  return ticks * 10;
}

/** Memory of a process that is resident, bytes. */
export function residentBytes({ process: { pid } }: Contestant): number {
  return Number(/VmRSS:\s+(\d+) kB/u.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;
}
