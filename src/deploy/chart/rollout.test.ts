import { expect, it, vi } from "vitest";
import { rendered, specOf } from "./rendered.ts";
import { describeWithTools } from "./scene.ts";
import { helm } from "./tools.ts";

// The tools are fetched by the first run.
vi.setConfig({ testTimeout: 300_000 });

interface Spec {
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
      ["a", "a", "b"].map((digit) => templateOf({ strategy: "Recreate", models: { ...models, download: { files: [file(digit)] } } })),
    );
    expect(same).toEqual(one);
    expect(other).not.toEqual(one);
  });
});
