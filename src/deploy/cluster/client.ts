import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runWhole } from "../programs.ts";

/** Speaks to a control plane as somebody, by kubectl and helm, and remembers every warning of the server. */
export interface ClusterClient {
  kubectl(...words: readonly string[]): Promise<string>;
  /** Objects of the server, as JSON. */
  get<Value>(...words: readonly string[]): Promise<Value>;
  apply(objects: readonly object[]): Promise<string>;
  helm(...words: readonly string[]): Promise<string>;
  /** Starts a program and answers with what it writes until now, and with its end. */
  start(...words: readonly string[]): { readonly output: () => string; readonly ended: Promise<number> };
  /** What the server has warned of since this was asked last. */
  takeWarnings(): readonly string[];
}

/** The programs, and as whom. */
export interface ClientOptions {
  readonly kubectl: string;
  readonly helm: string;
  readonly kubeconfig: string;
  /** Where none is named. */
  readonly namespace: string;
}

/** Both programs tell the server's warnings on standard error, kubectl by this word, helm by its log. */
const warning = /^\s*(?:Warning:|W\d{4} .*warnings\.go|level=WARN\b.*|.*\bwarning\b.*)/i;

/** Makes one. */
export function clusterClient({ kubectl, helm, kubeconfig, namespace }: ClientOptions): ClusterClient {
  const warnings: string[] = [];
  const environment = {
    KUBECONFIG: kubeconfig,
    HELM_NAMESPACE: namespace,
    HELM_PLUGINS: "/nonexistent",
    HELM_CONFIG_HOME: "/nonexistent",
    HELM_CACHE_HOME: "/nonexistent",
  };
  const inNamespace = (words: readonly string[]) =>
    words.some((word) => word === "--namespace" || word === "-n") ? words : [...words, "--namespace", namespace];
  const call = async (program: string, words: readonly string[]) => {
    const { stdout, stderr } = await runWhole(program, words, { environment });
    warnings.push(...stderr.split("\n").filter((line) => warning.test(line)));
    return stdout;
  };
  return {
    takeWarnings: () => warnings.splice(0),
    kubectl: (...words) => call(kubectl, inNamespace(words)),
    get: async <Value>(...words: readonly string[]) =>
      JSON.parse(await call(kubectl, ["get", ...inNamespace(words), "-o", "json"])) as Value,
    helm: (...words) => call(helm, words),
    async apply(objects) {
      const folder = await mkdtemp(join(tmpdir(), "parley-objects-"));
      try {
        await writeFile(join(folder, "list.json"), JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }));
        return await call(kubectl, ["apply", "--server-side", "-f", join(folder, "list.json")]);
      } finally {
        await rm(folder, { recursive: true });
      }
    },
    start(...words) {
      const child = spawn(kubectl, words, { env: { ...process.env, ...environment }, stdio: ["ignore", "pipe", "pipe"] });
      let output = "";
      for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (output += text));
      const ended = new Promise<number>((resolve) => child.once("close", (code) => resolve(code ?? -1)));
      return { output: () => output, ended };
    },
  };
}
