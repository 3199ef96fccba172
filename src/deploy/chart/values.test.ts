import * as fc from "fast-check";
import { expect, it, vi } from "vitest";
import { objectsIn, release, renderedText, type KubernetesObject } from "./helm.ts";
import { chartOfMany } from "./many-values.ts";
import { customCheck, isBuiltIn, kubernetesCheck } from "./object-schemas.ts";
import { valuesOfSchema } from "./random-values.ts";
import { describeWithTools } from "./scene.ts";
import { customDefinitions, helm, helmNames, kubernetesSchemas } from "./tools.ts";
import { valuesSchema } from "./values-schema.ts";
import { consistent, spoiled, type Values } from "./judged-values.ts";

// The tools are fetched by the first run.
vi.setConfig({ testTimeout: 300_000 });

const seed = 20261121;
const schema = valuesSchema();

/** Values that the schema allows, and that do not contradict one another. */
const valid = fc.sample(valuesOfSchema(schema) as fc.Arbitrary<Values>, { numRuns: 200, seed }).map(consistent);

/** Values of which one is wrong, and what must be said of it. */
const invalid = spoiled(schema, 50);

const renders = new Map<string, Promise<string>>();

/** What a helm makes of all valid values; once. */
function renderOfValid(path: string): Promise<string> {
  const text = renders.get(path) ?? chartOfMany(valid).then((of) => renderedText(path, [], of));
  renders.set(path, text);
  return text;
}

for (const name of helmNames) {
  const found = await helm(name);

  describeWithTools(`values by ${name}`, [found], ([path = ""]) => {
    it("render where they are valid, 200 of them", async () => {
      const deployments = (await renderOfValid(path)).match(/^kind: Deployment$/gm);
      expect(deployments).toHaveLength(valid.length);
    });

    it("are refused where they are not, 50 of them, each with the name of the key", async () => {
      const refusal = await renderedText(path, [], await chartOfMany(invalid.map(({ values }) => values))).catch(String);
      const [, ...parts] = refusal.split(/^v(\d+):$/m);
      const said = new Map(parts.flatMap((part, index) => (index % 2 === 0 ? [[Number(part), parts[index + 1] ?? ""] as const] : [])));
      expect([...said.keys()]).toHaveLength(invalid.length);
      for (const [index, { says }] of invalid.entries()) expect(said.get(index)).toContain(says);
    });
  });
}

const tools = [await helm("helm 4.2"), await kubernetesSchemas("1.36"), await customDefinitions()];

describeWithTools("values that are valid", tools, ([path = "", schemas = "", definitions = ""]) => {
  it("render into objects that Kubernetes' schemas allow", async () => {
    const objects = objectsIn(await renderOfValid(path)).filter(isOurs);
    const [builtIn, others] = [kubernetesCheck(schemas), customCheck(definitions)];
    expect(objects.length).toBeGreaterThan(1500);
    expect(objects.flatMap((object) => (isBuiltIn(object) ? builtIn(object) : others(object)))).toEqual([]);
  });
});

/** Not one of `extraObjects`, which are whatever they are. */
function isOurs({ metadata }: KubernetesObject): boolean {
  return metadata.labels?.["app.kubernetes.io/instance"] === release.name;
}
