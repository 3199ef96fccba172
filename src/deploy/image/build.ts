import { accessSync, constants, existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isThere, root, run } from "../programs.ts";
import { layOutBuilder, layOutRuntime } from "./bases.ts";

/** An image that is on this machine, with its files laid open. */
export interface BuiltImage {
  /** Folder of its files; read it, and leave it as it is. */
  readonly rootfs: string;
  readonly config: ImageConfig;
  /** Of its files. */
  readonly sizeBytes: number;
  /** How long the build took. */
  readonly buildMs: number;
  /** Removes its files; the image stays. */
  close(): Promise<void>;
}

/** What an image says of how it is run; as Docker names it. */
export interface ImageConfig {
  readonly User: string;
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly Cmd: readonly string[];
  readonly WorkingDir: string;
  readonly StopSignal?: string;
  readonly Volumes?: Readonly<Record<string, object>>;
  readonly ExposedPorts?: Readonly<Record<string, object>>;
  readonly Labels?: Readonly<Record<string, string>>;
  /** Times in ns. */
  readonly Healthcheck?: {
    readonly Test: readonly string[];
    readonly Interval: number;
    readonly Timeout: number;
    readonly Retries: number;
  };
}

const cache = join(root, ".cache", "image");
// Plain copies of folders: slower than overlays, and it works wherever there is a disk.
const storage = ["--storage-driver", "vfs", "--root", join(cache, "storage"), "--runroot", join(cache, "run")];

/** Why images cannot be built here; undefined where they can. */
export function whyNoImages(): string | undefined {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "it needs Linux and root";
  if (!mayMount() || !isWritable("/sys/fs/cgroup")) return "it needs the rights to mount, to make networks and to make control groups";
  const absent = ["buildah", "runc", "ip", "ldd"].filter((program) => !isThere(program));
  return absent.length === 0 ? undefined : `there is no ${absent.join(", no ")} (Debian: apt-get install buildah runc iproute2)`;
}

/** Whether this process has CAP_SYS_ADMIN and CAP_NET_ADMIN, which root in a container mostly lacks. */
function mayMount(): boolean {
  const [, effective = "0"] = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  return [12n, 21n].every((capability) => ((BigInt(`0x${effective}`) >> capability) & 1n) === 1n);
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Builds the Dockerfile on local bases, in place of those it names; with `--built` takes the image of the last time as it is. */
export async function buildImage(): Promise<BuiltImage> {
  const startedMs = performance.now();
  if (process.argv.includes("--built")) return { ...(await opened("localhost/parley")), buildMs: 0 };
  const bases = { builder: await base("builder", layOutBuilder), runtime: await base("runtime", layOutRuntime) };
  const revision = (await run("git", ["describe", "--always", "--dirty"]).catch(() => "unknown")).trim();
  const facts = { BUILD_IMAGE: bases.builder, BASE_IMAGE: bases.runtime, REVISION: revision, CREATED: new Date().toISOString() };
  const words = Object.entries(facts).flatMap(([name, value]) => ["--build-arg", `${name}=${value}`]);
  // The health check is part of Docker's format alone.
  await bud(["--format", "docker", ...words, "-t", "localhost/parley", "."]);
  const buildMs = performance.now() - startedMs;
  // What the last build left without a name; one that another run has laid open stays.
  await buildah("rmi", "--prune").catch(() => "");
  return { ...(await opened("localhost/parley")), buildMs };
}

/** Lays an image's files open. */
async function opened(name: string): Promise<Omit<BuiltImage, "buildMs">> {
  const { Docker } = JSON.parse(await buildah("inspect", "--type", "image", name)) as { Docker: { config: ImageConfig } };
  const container = (await buildah("from", "--pull-never", name)).trim();
  const rootfs = realpathSync((await buildah("mount", container)).trim()); // runc follows no links there
  const sizeBytes = Number((await run("du", ["-sb", rootfs])).split("\t")[0]);
  return { rootfs, config: Docker.config, sizeBytes, close: async () => void (await buildah("rm", container)) };
}

async function base(name: string, layOut: (folder: string) => Promise<void>): Promise<string> {
  const folder = join(cache, name);
  await layOut(join(folder, "files"));
  writeFileSync(join(folder, "Dockerfile"), `FROM scratch\nCOPY files /\n${name === "builder" ? builderSettings : ""}`);
  const tag = `localhost/parley-${name}-base`;
  await bud(["-t", tag, folder]);
  return tag;
}

// Where this machine has authorities of its own, npm needs them too.
const builderSettings = `ENV PATH=/usr/local/bin:/bin NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt\n`;

function bud(words: readonly string[]): Promise<string> {
  return buildah("bud", "--isolation", "chroot", "--layers=false", "--pull-never", ...words);
}

function buildah(...words: readonly string[]): Promise<string> {
  if (!existsSync(cache)) mkdirSync(cache, { recursive: true });
  return run("buildah", [...storage, ...words]);
}
