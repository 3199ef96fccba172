import { readFileSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import { goldenOf, installNotes, objectsIn, scenarios, valuesOf, type KubernetesObject } from "./helm.ts";
import { describeWithTools } from "./scene.ts";
import { helm } from "./tools.ts";

// The tools are fetched by the first run.
vi.setConfig({ testTimeout: 300_000 });

type Labels = Readonly<Record<string, string>>;

interface Container {
  readonly name: string;
  readonly env: readonly { readonly name: string; readonly value?: string }[];
  readonly securityContext: object;
  readonly volumeMounts: readonly { readonly name: string }[];
  readonly lifecycle?: { readonly preStop: { readonly sleep: { readonly seconds: number } } };
  readonly livenessProbe?: { readonly httpGet: object };
}

interface Pod {
  readonly metadata: { readonly labels: Labels };
  readonly spec: {
    readonly automountServiceAccountToken: boolean;
    readonly terminationGracePeriodSeconds: number;
    readonly securityContext: object;
    readonly containers: readonly Container[];
    readonly initContainers?: readonly Container[];
    readonly volumes: readonly { readonly name: string }[];
  };
}

const specOf = (object: KubernetesObject | undefined) => object?.["spec"];

const restricted = { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, runAsNonRoot: true, capabilities: { drop: ["ALL"] } };

describe.each(scenarios())("what the chart renders for %s", (scenario) => {
  const objects = objectsIn(readFileSync(goldenOf(scenario), "utf8"));
  const of = (kind: string) => objects.filter((object) => object.kind === kind);
  const { template: server } = specOf(of("Deployment")[0]) as { readonly template: Pod };
  const test = of("Pod")[0] as unknown as Pod;
  const isChosen = (by: Labels, { metadata: { labels } }: Pod) => Object.entries(by).every(([name, value]) => labels[name] === value);

  it("runs as nobody, with nothing that it does not need", () => {
    for (const pod of [server, test]) {
      expect(pod.spec).toMatchObject({
        automountServiceAccountToken: false,
        securityContext: { runAsUser: 65532, seccompProfile: { type: "RuntimeDefault" } },
      });
      for (const { securityContext, volumeMounts } of [...pod.spec.containers, ...(pod.spec.initContainers ?? [])]) {
        expect(securityContext).toEqual(restricted);
        const volumes = pod.spec.volumes.map(({ name }) => name);
        expect(volumeMounts.filter(({ name }) => !volumes.includes(name))).toEqual([]);
      }
    }
  });

  it("has every selector choose the service's pods, and never the test's", () => {
    const selectors = [
      ...of("Service").map((service) => (specOf(service) as { readonly selector: Labels }).selector),
      ...["Deployment", "PodDisruptionBudget"]
        .flatMap(of)
        .map((object) => (specOf(object) as { readonly selector: { readonly matchLabels: Labels } }).selector.matchLabels),
      ...of("NetworkPolicy").map(
        (policy) => (specOf(policy) as { readonly podSelector: { readonly matchLabels: Labels } }).podSelector.matchLabels,
      ),
    ];
    expect(selectors.length).toBeGreaterThan(2);
    for (const selector of selectors) expect([isChosen(selector, server), isChosen(selector, test)]).toEqual([true, false]);
  });

  it("gives a pod longer to end than the pause and the drain take, and asks for keys", () => {
    const [container] = server.spec.containers;
    const pause = container?.lifecycle?.preStop.sleep.seconds ?? 0;
    const [, drainMs = 0] = /drainMs: (\d+)/.exec(JSON.stringify(of("ConfigMap"))) ?? [];
    expect(server.spec.terminationGracePeriodSeconds).toBeGreaterThan(pause + Number(drainMs) / 1000);
    expect(container?.env).toContainEqual({ name: "LLM_OPEN", value: "false" });
    expect(container?.livenessProbe?.httpGet).toEqual({ path: "/livez", port: "admin" });
  });

  it("says each variable once", () => {
    const names = server.spec.containers.flatMap(({ env }) => env.map(({ name }) => name));
    expect(names).toEqual([...new Set(names)]);
  });

  it("leads to names that it made", () => {
    const made = new Set(objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`));
    const text = JSON.stringify(
      objects.filter(({ kind }) => ["HTTPRoute", "GRPCRoute", "Ingress", "HorizontalPodAutoscaler"].includes(kind)),
    );
    const services = [...text.matchAll(/"(?:service":\{"name|backendRefs":\[\{"name)":"([^"]+)"/g)].map(([, name]) => `Service ${name}`);
    const targets = [...text.matchAll(/"kind":"Deployment","name":"([^"]+)"/g)].map(([, name]) => `Deployment ${name}`);
    expect([...services, ...targets].filter((name) => !made.has(name))).toEqual([]);
  });
});

describeWithTools("what is said after an installation", [await helm("helm 4.2")], ([path = ""]) => {
  it("says what to run next: wait, take the key, ask, test", async () => {
    const notes = await installNotes(path, ["--values", valuesOf("default")]);
    for (const command of [
      /kubectl -n llm rollout status deployment\/parley/,
      /get secret parley-keys -o jsonpath/,
      /curl http:\/\/127\.0\.0\.1:8080\/v1\/chat/,
      /helm -n llm test parley/,
    ])
      expect(notes).toMatch(command);
  });

  it("names what is still in the way", async () => {
    const words = ["--values", valuesOf("edge"), "--set", "serviceMonitor.enabled=true,replicas=2,models.source=claim"];
    const notes = await installNotes(path, words);
    const alone = await installNotes(path, ["--set", "prometheusRule.enabled=true"]);
    expect(alone).toContain("The alerts ask for series that the chart's ServiceMonitor labels");
    expect(notes).not.toContain("The alerts ask");
    expect(notes).toContain("only networkPolicy.clients call: the ingress controller or gateway must be among networkPolicy.clients");
    expect(notes).toContain("its pods must be among networkPolicy.metricsReaders");
    expect(notes).toContain(
      "The claim llm-models is ReadWriteOnce: pods end before new ones start, and one that is scheduled to another node",
    );
    expect(await installNotes(path, ["--values", valuesOf("gateway")])).toContain("of the Secret callers, which you made");
    const unread = await installNotes(path, ["--values", valuesOf("bare"), "--set", "networkPolicy.enabled=true"]);
    expect(unread).toContain("must be said in networkPolicy.egress");
  });
});
