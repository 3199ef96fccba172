import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BuiltImage, ImageConfig } from "../image/build.ts";
import { root, runWhole } from "../programs.ts";
import { makeNetwork, type Network } from "./network.ts";
import { runcConfig, type Bind, type Confinement, type ContainerSpec } from "./spec.ts";

/** What a container is to be, beside what its image says. */
export interface ContainerOptions extends Partial<Confinement> {
  /** `NAME=value`; beats the image's. */
  readonly environment?: readonly string[];
  /** In place of the image's entry; Kubernetes calls it the command. */
  readonly entrypoint?: readonly string[] | undefined;
  /** In place of the image's command; Kubernetes calls them the arguments. */
  readonly words?: readonly string[] | undefined;
  readonly binds?: readonly Bind[];
  readonly emptyFolders?: readonly string[];
  readonly hostname?: string;
  /** Names that lead to the container itself, or to this machine. */
  readonly names?: Readonly<Record<string, "itself" | "host">>;
  /** Another container whose network it shares, as those of one pod do. */
  readonly beside?: Pick<Container, "network">;
}

/** A container that runs. */
export interface Container {
  /** Where this machine reaches its ports. */
  readonly address: string;
  readonly network: Network;
  readonly startedMs: number;
  /** What it has written so far. */
  output(): string;
  /** Runs a program inside, as the same user; answers with its exit code and what it wrote. */
  exec(words: readonly string[]): Promise<{ readonly exitCode: number; readonly text: string }>;
  /** Sends a signal to its first process. */
  signal(name: "TERM" | "KILL"): Promise<void>;
  /** The first process's exit code. */
  readonly ended: Promise<number>;
  /** Ends it if it runs, and removes everything. */
  remove(): Promise<void>;
}

const defaultHostname = "parley";
const state = join(root, ".cache", "runc");

/** Starts a container of an image, with its user, and a read-only root unless told otherwise. Every capability is dropped. */
export async function startContainer(
  { rootfs, config }: Pick<BuiltImage, "rootfs" | "config">,
  options: ContainerOptions = {},
): Promise<Container> {
  const network = options.beside?.network ?? (await makeNetwork());
  const folder = await mkdtemp(join(tmpdir(), "parley-container-"));
  const id = `parley-${randomUUID()}`;
  writeFileSync(join(folder, "hosts"), hostsText(network, options));
  const spec: ContainerSpec = {
    ...{ rootfs, hostname: defaultHostname, isRootReadOnly: true, ...userOf(config), ...heldBy(options) },
    ...{ words: wordsOf(config, options), environment: merged(config.Env, options.environment ?? []), folder: config.WorkingDir },
    binds: [...(options.binds ?? []), { source: join(folder, "hosts"), path: "/etc/hosts", isReadOnly: true }],
    ...{ emptyFolders: options.emptyFolders ?? ["/tmp"], network: network.name, cgroup: `/parley/${id}` },
  };
  writeFileSync(join(folder, "config.json"), JSON.stringify(runcConfig(spec)));
  return launch({ id, folder, network, isShared: options.beside !== undefined });
}

function hostsText(network: Network, { hostname = defaultHostname, names = {} }: ContainerOptions): string {
  const places = { itself: network.address, host: network.hostAddress };
  const lines = Object.entries(names).map(([name, place]) => `${places[place]} ${name}`);
  return ["127.0.0.1 localhost", "::1 localhost", `${network.address} ${hostname}`, ...lines, ""].join("\n");
}

function userOf({ User }: ImageConfig): Pick<Confinement, "uid" | "gid"> {
  const [uid = 0, gid = 0] = User.split(":").map(Number);
  return { uid, gid };
}

/** What the options say of what a spec has by the same name. */
function heldBy({
  entrypoint: _entry,
  words: _words,
  environment: _environment,
  binds: _binds,
  names: _names,
  beside: _beside,
  emptyFolders: _folders,
  ...held
}: ContainerOptions) {
  return held;
}

/** As Docker and Kubernetes have it: who replaces the entry replaces the command too. */
function wordsOf({ Entrypoint, Cmd }: ImageConfig, { entrypoint, words }: ContainerOptions): string[] {
  if (entrypoint !== undefined) return [...entrypoint, ...(words ?? [])];
  return [...Entrypoint, ...(words ?? Cmd)];
}

interface Launch {
  readonly id: string;
  readonly folder: string;
  readonly network: Network;
  readonly isShared: boolean;
}

function launch({ id, folder, network, isShared }: Launch): Container {
  mkdirSync(state, { recursive: true });
  const startedMs = performance.now();
  const child = spawn("runc", ["--root", state, "run", "--bundle", folder, id], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  const ended = once(child, "close").then(([code]) => Number(code ?? -1));
  const runc = (...words: readonly string[]) => runWhole("runc", ["--root", state, ...words]);
  return {
    address: network.address,
    network,
    startedMs,
    output: () => output,
    ended,
    async exec(words) {
      const exec = spawn("runc", ["--root", state, "exec", id, ...words], { stdio: ["ignore", "pipe", "pipe"] });
      let text = "";
      for (const stream of [exec.stdout, exec.stderr]) stream.setEncoding("utf8").on("data", (more: string) => (text += more));
      const [code] = (await once(exec, "close")) as [number | null];
      return { exitCode: code ?? -1, text };
    },
    signal: async (name) => void (await runc("kill", id, name)),
    async remove() {
      if (child.exitCode === null) {
        await runc("kill", id, "KILL").catch(() => child.kill("SIGKILL"));
        await ended;
      }
      if (!isShared) await network.remove();
      await rm(folder, { recursive: true });
    },
  };
}

/** Variables of which a later one replaces an earlier one of its name. */
function merged(...lists: readonly (readonly string[])[]): string[] {
  const byName = new Map(lists.flat().map((variable) => [variable.slice(0, variable.indexOf("=")), variable]));
  return [...byName.values()];
}
