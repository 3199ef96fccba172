import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

/*
 * Run while the image is built, before `npm ci`: takes out of package.json and its lock what the image has no use for, so that it is not even fetched.
 * A GPU's binaries alone are half a gigabyte.
 */

/** What a build may bring to compute with beside the CPU. */
const gpuKinds: Readonly<Record<string, readonly string[]>> = {
  none: [],
  cuda: ["cuda", "cuda-ext"],
  vulkan: ["vulkan"],
  all: ["cuda", "cuda-ext", "vulkan"],
};

/** Packages that node-llama-cpp needs to compile llama.cpp, which an image never does. */
const buildTools: ReadonlySet<string> = new Set(["cmake-js", "node-addon-api"]);

interface Manifest {
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
}

/** A package.json and its lock. */
export interface Project {
  readonly manifest: Manifest;
  readonly lock: { readonly packages: Record<string, Manifest> };
}

/** What is wished for. */
export interface LeanWish {
  /** none, cuda, vulkan or all. */
  readonly gpu: string;
  /** As Node calls it. */
  readonly arch: string;
}

/** A project without its tools, and without what other machines and other GPUs compute with. Throws for a GPU that there is none of. */
export function lean({ manifest, lock }: Project, { gpu, arch }: LeanWish): Project {
  const kinds = Object.hasOwn(gpuKinds, gpu) ? gpuKinds[gpu] : undefined;
  if (kinds === undefined) throw new Error(`GPU=${gpu}: must be one of ${Object.keys(gpuKinds).join(", ")}`);
  const engines = new Set(["", ...kinds.map((kind) => `-${kind}`)].map((suffix) => `@node-llama-cpp/linux-${arch}${suffix}`));
  const isWanted = (name: string) => (name.startsWith("@node-llama-cpp/") ? engines.has(name) : !buildTools.has(name));
  const without = (names: Record<string, string> = {}) => Object.fromEntries(Object.entries(names).filter(([name]) => isWanted(name)));
  const leaner = ({ devDependencies: _tools, ...one }: Manifest): Manifest => ({
    ...one,
    ...(one.dependencies !== undefined && { dependencies: without(one.dependencies) }),
    ...(one.optionalDependencies !== undefined && { optionalDependencies: without(one.optionalDependencies) }),
  });
  const packages = Object.entries(lock.packages)
    .filter(([path]) => isWanted(path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length)))
    .map(([path, one]) => [path, leaner(one)] as const);
  return { manifest: leaner(manifest), lock: { ...lock, packages: Object.fromEntries(packages) } };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const [manifest, lock] = ["package.json", "package-lock.json"].map((file) => JSON.parse(readFileSync(file, "utf8")) as unknown);
  const made = lean({ manifest, lock } as Project, { gpu: process.argv[2] ?? "none", arch: process.arch });
  writeFileSync("package.json", JSON.stringify(made.manifest, undefined, 2));
  writeFileSync("package-lock.json", JSON.stringify(made.lock, undefined, 2));
}
