import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { parse } from "yaml";
import { temporaryFolder } from "../../testing/temporary-folder.ts";
import { render } from "./helm.ts";
import { describeWithTools } from "./scene.ts";
import { helm } from "./tools.ts";

// The tools are fetched by the first run.
vi.setConfig({ testTimeout: 300_000 });

const none = { models: { source: "none" } };
const upstream = { config: { upstreams: [{ name: "vllm", kind: "vllm", baseUrl: "http://vllm.models.svc/v1" }] } };

const file = (url: string) => ({ url, sha256: "0".repeat(64) });
const withHeader = (name: string) => ({
  config: { upstreams: [{ name: "one", kind: "vllm", baseUrl: "http://vllm:8000", headers: { [name]: "sk-1" } }] },
});

const refused: readonly (readonly [what: string, values: object, says: string])[] = [
  ["a budget for one replica", { disruptionBudget: { enabled: true } }, "disruptionBudget.enabled: one replica"],
  [
    "a budget where one may be the fewest",
    { replicas: 5, autoscaling: { enabled: true, minReplicas: 1 }, disruptionBudget: { enabled: true } },
    "disruptionBudget.enabled: one replica",
  ],
  ["more pods at least than at most", { autoscaling: { enabled: true, minReplicas: 9 } }, "autoscaling.minReplicas: is more than"],
  ["nothing to scale by", { autoscaling: { enabled: true, cpuPercent: 0 } }, "autoscaling.cpuPercent: is 0"],
  [
    "a scale-down that does not wait for a drain",
    { autoscaling: { enabled: true }, drain: { seconds: 600 } },
    "autoscaling.scaleDownSeconds: is less than",
  ],
  ["two configurations", { existingConfig: { secret: "a" }, config: { priceVersion: "1" } }, "config: must be empty"],
  ["a download of nothing", { models: { download: { files: [] } } }, "models.download.files: is empty"],
  ["an image volume without an image", { models: { source: "image" } }, "models.image.reference: is empty"],
  [
    "a claim that is filled and cannot be written",
    { models: { source: "claim", claim: { fill: true, accessModes: ["ReadOnlyMany"] } } },
    "models.claim.fill: needs an access mode",
  ],
  [
    "a volume of one pod for two",
    { replicas: 2, models: { source: "claim", claim: { accessModes: ["ReadWriteOncePod"] } } },
    "models.claim.accessModes: ReadWriteOncePod serves one pod",
  ],
  [
    "two models of one name",
    { models: { download: { files: [file("https://a.example/m.gguf"), file("https://b.example/m.gguf?v=2")] } } },
    "models.download.files: two are called m.gguf",
  ],
  [
    "a file that is no GGUF",
    { models: { download: { files: [file("https://a.example/blobs/7")] } } },
    "models.download.files: 7 does not end in .gguf",
  ],
  ["one port for two", { service: { port: 8080, grpcPort: 8080 } }, "service.grpcPort: is service.port"],
  ["a key in the header of an upstream", withHeader("authorization"), "authorization"],
  ["a key in another header", withHeader("X-Api-Key"), "X-Api-Key"],
  ["nobody by a peer", { networkPolicy: { clients: [{}] } }, "networkPolicy"],
  ["a threshold that no bucket reaches", { prometheusRule: { perTokenSeconds: 2 } }, "perTokenSeconds"],
  ["no thread", { config: { models: { options: { a: { threads: 0 } } } } }, "threads"],
  ["a context of one token", { config: { models: { options: { a: { contextLength: 1 } } } } }, "contextLength"],
  ["a cache of no type", { config: { models: { options: { a: { kvType: "foo" } } } } }, "kvType"],
  ["thinking that nobody tells", { config: { http: { openai: { thinking: "foo" } } } }, "thinking"],
  ["a temperature of five", { config: { engine: { defaultTemperature: 5 } } }, "defaultTemperature"],
  ["no time for an upstream", { config: { upstreams: [{ name: "a", kind: "vllm", timeoutSeconds: 0 }] } }, "timeoutSeconds"],
  ["an upstream in capitals", { config: { upstreams: [{ name: "UPPER", kind: "vllm" }] } }, "name"],
  ["a route to nowhere", { config: { routes: [{ model: "a", targets: [] }] } }, "targets"],
  ["nobody to answer", none, "models.source: is none, and there is no upstream"],
  ["an Ingress for no host", { ingress: { enabled: true } }, "ingress.hosts: is empty"],
  ["an HTTPRoute at no gateway", { httpRoute: { enabled: true } }, "httpRoute.parentRefs: is empty"],
  ["a GRPCRoute at no gateway", { grpcRoute: { enabled: true } }, "grpcRoute.parentRefs: is empty"],
];

const taken: readonly (readonly [what: string, values: object])[] = [
  ["an upstream of the configuration", { ...none, ...upstream }],
  ["a key of an upstream", { ...none, upstreamKeys: { openai: { secret: "a", key: "b" } } }],
  ["a variable with an upstream's address", { ...none, environment: { LLM_VLLM_BASE_URL: "http://vllm.models.svc/v1" } }],
  ["a chart around this one that says whether it is there", { enabled: true }],
  ["a header that carries no key", { ...none, ...withHeader("openai-organization") }],
  ["echo, where it is asked for", { ...none, config: { models: { defaultProvider: "echo" } } }],
];

describeWithTools("values that contradict one another", [await helm("helm 4.2")], ([path = ""]) => {
  const rendered = async (values: object) => {
    const written = join(await temporaryFolder(), "values.json");
    writeFileSync(written, JSON.stringify(values));
    return render(path, ["--values", written]);
  };

  it.each(refused)("are refused by the key's name: %s", async (_, values, says) => {
    await expect(rendered(values)).rejects.toThrow(says);
  });

  it.each(taken)("are none where somebody answers: %s", async (_, values) => {
    expect((await rendered(values)).length).toBeGreaterThan(5);
  });

  it("let the names of the chart's own Services be asked for, beside those that the configuration says", async () => {
    const objects = await rendered({ config: { http: { hosts: ["llm.example"] } } });
    const configuration = objects.map(({ data }) => (data as { "parley.yaml"?: string } | undefined)?.["parley.yaml"] ?? "").join("");
    const { hosts } = (parse(configuration) as { readonly http: { readonly hosts: readonly string[] } }).http;
    expect(hosts).toEqual(
      expect.arrayContaining(["llm.example", "parley", "parley.llm", "parley.llm.svc.cluster.local", "parley-headless.llm"]),
    );
  });
});
