import { expect, it, vi } from "vitest";
import { rendered, specOf } from "./rendered.ts";
import { describeWithTools } from "./scene.ts";
import { helm } from "./tools.ts";

// The tools are fetched by the first run.
vi.setConfig({ testTimeout: 300_000 });

interface Spec {
  readonly progressDeadlineSeconds: number;
  readonly strategy: { readonly type: string };
  readonly template: object;
}

const file = (sha256: string) => ({ url: "https://models.example/a.gguf", sha256: sha256.repeat(64) });

describeWithTools("a Deployment", [await helm("helm 4.2")], ([path = ""]) => {
  const deploymentOf = async (values: object) => specOf(await rendered(path, values), "Deployment") as Spec;
  const templateOf = async (values: object) => (await deploymentOf(values)).template;

  it.each([
    ["that pods fetch", {}],
    ["that fill a claim", { source: "claim", claim: { fill: true } }],
  ])("has other pods where there are other models %s", async (_, models) => {
    const [one, same, other] = await Promise.all(
      ["a", "a", "b"].map((digit) => templateOf({ models: { ...models, download: { files: [file(digit)] } } })),
    );
    expect(same).toEqual(one);
    expect(other).not.toEqual(one);
  });

  it("has failed no sooner than its pods may take to start", async () => {
    const probes = { startup: { periodSeconds: 10, failureThreshold: 90 } };
    const none = { source: "none" };
    const config = { models: { defaultProvider: "echo" } };
    const [fetches, only, said] = await Promise.all([
      deploymentOf({ probes }),
      deploymentOf({ probes, config, models: none }),
      deploymentOf({ progressDeadlineSeconds: 77 }),
    ]);
    expect([fetches, only, said].map(({ progressDeadlineSeconds }) => progressDeadlineSeconds)).toEqual([2760, 960, 77]);
  });

  it.each([
    ["ends pods first with a claim of one node", ["ReadWriteOnce"], "", "Recreate"],
    ["ends pods first with a claim of one pod", ["ReadWriteOncePod"], "", "Recreate"],
    ["adds pods first with a claim of all nodes", ["ReadWriteMany"], "", "RollingUpdate"],
    ["does as it is told with a claim that is not the chart's", ["ReadWriteOnce"], "mine", "RollingUpdate"],
  ] as const)("%s", async (...[, accessModes, existing, type]) => {
    const { strategy } = await deploymentOf({ models: { source: "claim", claim: { accessModes, existing } } });
    expect(strategy.type).toBe(type);
  });
});
