import { readdirSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments, stringify } from "yaml";
import { root, run } from "../programs.ts";

/** Folder of the chart. */
export const chart: string = join(root, "helm");

const cases = join(chart, "ci");

/** An object that was rendered. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Readonly<Record<string, string>> };
  readonly [field: string]: unknown;
}

/** Release and namespace of all renders. */
export const release = { name: "parley", namespace: "llm" } as const;

/** Names of the scenarios: each is a file of values and the render of it beside it. */
export function scenarios(): readonly string[] {
  const ending = ".in.yaml";
  return readdirSync(cases)
    .filter((file) => file.endsWith(ending))
    .map((file) => file.slice(0, -ending.length))
    .toSorted();
}

/** The file with a scenario's values. */
export const valuesOf = (scenario: string): string => join(cases, `${scenario}.in.yaml`);

/** The file with its render. */
export const goldenOf = (scenario: string): string => join(cases, `${scenario}.out.yaml`);

/** Renders a chart. Throws with what helm says where it refuses. */
export async function render(helm: string, words: readonly string[], of: string = chart): Promise<readonly KubernetesObject[]> {
  return objectsIn(await renderedText(helm, words, of));
}

/** The same as helm writes it. */
export function renderedText(helm: string, words: readonly string[], of: string): Promise<string> {
  return run(helm, ["template", release.name, of, "--namespace", release.namespace, ...words], { environment: withoutCluster });
}

/** What helm says to whoever installs the chart. */
export async function installNotes(helm: string, words: readonly string[]): Promise<string> {
  const text = await run(helm, ["install", release.name, chart, "--namespace", release.namespace, "--dry-run=client", ...words], {
    environment: withoutCluster,
  });
  return text.slice(text.indexOf("\nNOTES:\n"));
}

/** Nothing of this machine's own clusters and plugins. */
const withoutCluster = { KUBECONFIG: "/dev/null", HELM_PLUGINS: "/nonexistent", HELM_CONFIG_HOME: "/nonexistent" };

/** Checks a chart as `helm lint --strict` does. Throws with what helm says where it finds fault. */
export function lint(helm: string, words: readonly string[]): Promise<string> {
  return run(helm, ["lint", "--strict", chart, "--namespace", release.namespace, ...words], { environment: withoutCluster });
}

/** The objects of a text of several documents. */
export function objectsIn(rendered: string): readonly KubernetesObject[] {
  const documents = parseAllDocuments(rendered);
  return (Array.isArray(documents) ? documents : []).flatMap((document) => {
    const [problem] = document.errors;
    if (problem !== undefined) throw problem;
    const value = document.toJS() as KubernetesObject | null;
    return value === null ? [] : [value];
  });
}

/** A render as it is kept: in one order, without what is drawn by lot, and with the names of programs instead of their texts. */
export function goldenText(objects: readonly KubernetesObject[]): string {
  const place = ({ kind, metadata }: KubernetesObject) => `${kind}/${metadata.name}`;
  const sorted = objects.toSorted((one, other) => (place(one) < place(other) ? -1 : 1));
  return sorted.map((object) => `---\n${stringify(readable(object), { lineWidth: 0 })}`).join("");
}

function readable(object: KubernetesObject): KubernetesObject {
  const { data } = object as { readonly data?: Readonly<Record<string, string>> };
  if (data === undefined) return object;
  const shown = Object.entries(data).map(([key, value]) => {
    if (object.kind === "Secret") return [key, "(drawn by lot)"];
    return [key, key.endsWith(".mjs") ? `(helm/files/${key})` : value];
  });
  return { ...object, data: Object.fromEntries(shown) as Readonly<Record<string, string>> };
}
