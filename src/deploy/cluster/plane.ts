import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { cluster } from "./binaries.ts";
import { kubeconfig, makeCredentials, type User } from "./credentials.ts";

/** A control plane that runs. */
export interface Plane {
  /** A file by which a program reaches it as somebody; of a group `system:masters` may do everything. */
  kubeconfigOf(user: User): Promise<string>;
  /** Ends everything and removes its folder. */
  stop(): Promise<void>;
}

/** Starts one, with nothing in it. */
export async function startPlane(): Promise<Plane> {
  const folder = await mkdtemp(join(tmpdir(), "parley-cluster-"));
  const children: ChildProcess[] = [];
  const stop = async () => {
    for (const child of children.toReversed()) await end(child); // the store last
    await rm(folder, { recursive: true });
  };
  const start = (name: string, flags: Readonly<Record<string, string>>) => children.push(launch(folder, name, flags));
  try {
    await makeCredentials(folder);
    const [store = 0, api = 0, ...ports] = await freePorts(5);
    start("kine", storeFlags(folder, store));
    start("kube-apiserver", serverFlags(folder, { store, api }));
    const server = `https://127.0.0.1:${api}`;
    const kubeconfigOf = (user: User) => kubeconfig(folder, server, user);
    const own = await kubeconfigOf({ name: "plane", group: "system:masters" });
    await ready(folder, server, children);
    start("kube-controller-manager", controllerFlags(folder, own, ports[0] ?? 0));
    start("kube-scheduler", { kubeconfig: own, "leader-elect": "false", "secure-port": `${ports[1]}`, "bind-address": "127.0.0.1" });
    start("kwok", kwokFlags(own, ports[2] ?? 0));
    return { kubeconfigOf, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function launch(folder: string, name: string, flags: Readonly<Record<string, string>>): ChildProcess {
  const log = createWriteStream(join(folder, `${name}.log`));
  const words = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
  const child = spawn(join(cluster, name), words, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.pipe(log);
  child.stderr.pipe(log);
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}

function storeFlags(folder: string, port: number): Record<string, string> {
  const options = "_journal=WAL&cache=shared&_busy_timeout=30000&_txlock=immediate";
  return {
    endpoint: `sqlite://${join(folder, "store.db")}?${options}`,
    "listen-address": `tcp://127.0.0.1:${port}`,
    "metrics-bind-address": "0",
  };
}

function serverFlags(folder: string, { store, api }: { readonly store: number; readonly api: number }): Record<string, string> {
  const at = (file: string) => join(folder, file);
  return {
    "etcd-servers": `http://127.0.0.1:${store}`,
    "secure-port": `${api}`,
    "bind-address": "127.0.0.1",
    "tls-cert-file": at("server.crt"),
    "tls-private-key-file": at("server.key"),
    "client-ca-file": at("ca.crt"),
    "service-account-key-file": at("accounts.pub"),
    "service-account-signing-key-file": at("accounts.key"),
    "service-account-issuer": "https://kubernetes.default.svc",
    "authorization-mode": "Node,RBAC",
    "endpoint-reconciler-type": "none",
    "service-cluster-ip-range": "10.0.0.0/24",
    "enable-admission-plugins": "PodSecurity,ResourceQuota,LimitRanger",
  };
}

function controllerFlags(folder: string, own: string, port: number): Record<string, string> {
  return {
    kubeconfig: own,
    "service-account-private-key-file": join(folder, "accounts.key"),
    "root-ca-file": join(folder, "ca.crt"),
    "use-service-account-credentials": "true",
    "leader-elect": "false",
    "secure-port": `${port}`,
    "bind-address": "127.0.0.1",
  };
}

function kwokFlags(own: string, port: number): Record<string, string> {
  const plays = { "manage-all-nodes": "true", cidr: "10.1.0.1/24", "node-ip": "127.0.0.1", config: join(cluster, "stages.yaml") };
  return { kubeconfig: own, ...plays, "server-address": `127.0.0.1:${port}` };
}

/** Waits for the API server. Throws with the end of its log where it ends instead. */
async function ready(folder: string, server: string, children: readonly ChildProcess[]): Promise<void> {
  const { Agent, fetch } = await import("undici");
  const dispatcher = new Agent({ connect: { ca: await readFile(join(folder, "ca.crt"), "utf8") } });
  try {
    for (let left = 600; left > 0; left--) {
      const dead = children.find(({ exitCode }) => exitCode !== null);
      if (dead !== undefined) throw new Error(`${dead.spawnfile} ended: ${(await logs(folder)).slice(-2000)}`);
      const status = await fetch(`${server}/readyz`, { dispatcher }).then(
        async (answer) => (await answer.text(), answer.status),
        () => 0,
      );
      if (status === 200) return;
      await sleep(100);
    }
    throw new Error(`the API server is not ready within a minute: ${(await logs(folder)).slice(-2000)}`);
  } finally {
    await dispatcher.destroy();
  }
}

async function logs(folder: string): Promise<string> {
  return readFile(join(folder, "kube-apiserver.log"), "utf8");
}

/** Ports that were free a moment ago, each another. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
