import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isThere, root, run } from "../programs.ts";

/*
 * A Kubernetes control plane, built from Go modules: the API server, its controllers and its scheduler, with SQLite behind them by kine, and kwok for
 * nodes that run nothing. Three minutes on two cores with an empty cache of Go's, and as long again for what it downloads; then it is there.
 */

const kubernetes = "1.36.3";
const kine = "0.16.4";
const kwok = "0.8.0";
const components = ["kube-apiserver", "kube-controller-manager", "kube-scheduler"];

/** Folder of the programs, and of the stages by which kwok plays nodes. */
export const cluster: string = join(root, ".cache", "cluster", `kubernetes-${kubernetes}_kine-${kine}_kwok-${kwok}`);

/** Its version. */
export const kubernetesVersion: string = kubernetes;

/** Why there can be no control plane here; undefined where there can. */
export function whyNoCluster(): string | undefined {
  if (process.platform !== "linux") return "it needs Linux";
  const absent = ["go", "gcc", "openssl", "tar"].filter((program) => !isThere(program) && !(program !== "openssl" && existsSync(cluster)));
  return absent.length === 0 ? undefined : `there is no ${absent.join(", no ")}`;
}

/** Builds the programs where they are not there yet. Nobody else's work should wait for it. */
export async function ensureBinaries(): Promise<string> {
  if (existsSync(cluster)) return "from the cache";
  const work = `${cluster}.part`;
  rmSync(work, { recursive: true, force: true });
  mkdirSync(join(work, "source"), { recursive: true });
  await buildKubernetes(join(work, "source"), work);
  await install("github.com/k3s-io/kine", kine, { GOBIN: work, CGO_ENABLED: "1" });
  await install("sigs.k8s.io/kwok/cmd/kwok", kwok, { GOBIN: work });
  writeFileSync(join(work, "stages.yaml"), await stages());
  rmSync(join(work, "source"), { recursive: true });
  renameSync(work, cluster);
  return "built";
}

/** `go install` refuses Kubernetes, whose module asks for others by a version that there is none of: this module says which are meant. */
async function buildKubernetes(folder: string, to: string): Promise<void> {
  await go(["mod", "init", "cluster"], folder);
  const { GoMod: file } = await downloaded(`k8s.io/kubernetes@v${kubernetes}`, folder);
  const staged = [...readFileSync(file, "utf8").matchAll(/^\s*(k8s\.io\/\S+) v0\.0\.0$/gm)].map(([, name]) => name ?? "");
  const version = `v0${kubernetes.slice(kubernetes.indexOf("."))}`;
  await go(["mod", "edit", ...new Set(staged.map((name) => `-replace=${name}=${name}@${version}`))], folder);
  await go(["get", `k8s.io/kubernetes@v${kubernetes}`], folder);
  const imports = components.map((component) => `\t_ "k8s.io/kubernetes/cmd/${component}/app"`);
  writeFileSync(join(folder, "tools.go"), `//go:build tools\n\npackage tools\n\nimport (\n${imports.join("\n")}\n)\n`);
  await go(["mod", "tidy"], folder);
  const flags = ["-p", "2", "-ldflags", `-s -w -X k8s.io/component-base/version.gitVersion=v${kubernetes}`, "-o", `${to}/`];
  await go(["build", ...flags, ...components.map((component) => `k8s.io/kubernetes/cmd/${component}`)], folder, { CGO_ENABLED: "0" });
}

/** How kwok has nodes and pods go from one state to the next. */
async function stages(): Promise<string> {
  const { Dir: folder } = await downloaded(`sigs.k8s.io/kwok@v${kwok}`, root);
  const files = [
    "node/fast/node-initialize",
    "node/heartbeat/node-heartbeat",
    ...["ready", "complete", "delete"].map((name) => `pod/fast/pod-${name}`),
  ];
  return files.map((file) => readFileSync(join(folder, "kustomize", "stage", `${file}.yaml`), "utf8")).join("\n---\n");
}

async function downloaded(module: string, cwd: string): Promise<{ readonly GoMod: string; readonly Dir: string }> {
  return JSON.parse(await go(["mod", "download", "-json", module], cwd)) as { GoMod: string; Dir: string };
}

function install(program: string, version: string, environment: NodeJS.ProcessEnv): Promise<string> {
  return go(["install", `${program}@v${version}`], root, environment);
}

function go(words: readonly string[], cwd: string, environment: NodeJS.ProcessEnv = {}): Promise<string> {
  const timeoutMs = 30 * 60 * 1000;
  return run("nice", ["-n", "19", "go", ...words], {
    cwd,
    environment: { GOFLAGS: "-buildvcs=false -modcacherw", ...environment },
    timeoutMs,
  });
}
