import { expect, it, vi } from "vitest";
import { rendered, specOf } from "./rendered.ts";
import { describeWithTools } from "./scene.ts";
import { helm } from "./tools.ts";

// The tools are fetched by the first run.
vi.setConfig({ testTimeout: 300_000 });

interface Rule {
  readonly to: readonly {
    readonly ipBlock?: { readonly cidr: string };
    readonly namespaceSelector?: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly podSelector?: object;
  }[];
  readonly ports?: readonly { readonly port: number }[];
}

/** A way out in one word: what it leads to, and its ports where it has some. */
function wordOf({ to, ports }: Rule): string {
  const places = to.map(({ ipBlock, namespaceSelector, podSelector }) => {
    if (ipBlock !== undefined) return ipBlock.cidr;
    if (namespaceSelector !== undefined) return `namespace ${namespaceSelector.matchLabels["kubernetes.io/metadata.name"]}`;
    return `pods ${JSON.stringify(podSelector)}`;
  });
  const open = ports === undefined ? "" : ` at ${ports.map(({ port }) => port).join()}`;
  return `${places.join(" and ")}${open}`;
}

const upstream = (baseUrl: string) => ({ config: { upstreams: [{ name: "one", kind: "vllm", baseUrl }] } });
const everywhere = "0.0.0.0/0 and ::/0";

const trials: readonly (readonly [where: string, values: object, ways: readonly string[]])[] = [
  [
    "hosts of media that a variable lists",
    { environment: { LLM_MEDIA_ALLOW: "images.cdn.example:8443, *.b.example.com" } },
    [`${everywhere} at 8443`, `${everywhere} at 443`],
  ],
  ["a pod of a StatefulSet", upstream("http://pod-0.vllm.models.svc.cluster.local:8000"), ["namespace models"]],
  ["a Service by its whole name", upstream("http://vllm.models.svc.cluster.local"), ["namespace models"]],
  ["a Service by name and namespace", upstream("http://vllm.models:8000"), ["namespace models", `${everywhere} at 8000`]],
  [
    "a collector by name and namespace",
    { environment: { OTEL_EXPORTER_OTLP_ENDPOINT: "http://otel-collector.monitoring:4318" } },
    ["namespace monitoring", `${everywhere} at 4318`],
  ],
  ["a hub of one's own", { environment: { HF_ENDPOINT: "http://hub.corp.svc:8088" } }, ["namespace corp"]],
  ["a public name", upstream("https://api.openai.example.com/v1"), [`${everywhere} at 443`]],
  ["a public name of two parts", upstream("https://example.com/v1"), [`${everywhere} at 443`]],
  ["an address", upstream("10.1.2.3:8443"), ["10.1.2.3/32 at 8443"]],
  ["the pod itself", upstream("http://127.0.0.1:11434"), []],
];

describeWithTools("ways out of the pods", [await helm("helm 4.2")], ([path = ""]) => {
  const none = { models: { source: "none" } };
  const waysOf = async (values: object) =>
    (specOf(await rendered(path, values), "NetworkPolicy") as { readonly egress?: readonly Rule[] }).egress;

  it.each(trials)("lead to what is configured: %s", async (_, values, ways) => {
    const echo = { config: { models: { defaultProvider: "echo" } } };
    const [, ...rest] = (await waysOf({ ...none, ...echo, ...values })) ?? [];
    expect(rest.map(wordOf)).toEqual(ways);
  });

  it("lead to no port 53 where nobody is to be asked for names", async () => {
    const ways = (await waysOf({ ...none, ...upstream("http://10.1.2.3"), networkPolicy: { dns: [] } })) ?? [];
    expect(ways.map(wordOf)).toEqual(["10.1.2.3/32 at 80"]);
    expect(await waysOf({ ...none, ...upstream("http://localhost"), networkPolicy: { dns: [] } })).toEqual([]);
  });
});
