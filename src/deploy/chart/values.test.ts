import * as fc from "fast-check";
import { expect, it, vi } from "vitest";
import { release, render, type KubernetesObject } from "./helm.ts";
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

const tools = [await kubernetesSchemas("1.36"), await customDefinitions()];

for (const name of helmNames) {
  describeWithTools(`values by ${name}`, [await helm(name), ...tools], ([path = "", schemas = "", definitions = ""]) => {
    it("render where they are valid, 200 of them, into objects that Kubernetes' schemas allow", async () => {
      const objects = (await render(path, [], await chartOfMany(valid))).filter(isOurs);
      const [builtIn, others] = [kubernetesCheck(schemas), customCheck(definitions)];
      expect(objects.filter(({ kind }) => kind === "Deployment")).toHaveLength(valid.length);
      expect(objects.flatMap((object) => (isBuiltIn(object) ? builtIn(object) : others(object)))).toEqual([]);
    });

    it("are refused where they are not, 50 of them, each with the name of the key", async () => {
      const refusal = await render(path, [], await chartOfMany(invalid.map(({ values }) => values))).catch(String);
      expect(refusal).toContain("values don't meet the specifications of the schema(s)");
      for (const { says } of invalid) expect(refusal).toContain(says);
    });
  });
}

/** Not one of `extraObjects`, which are whatever they are. */
function isOurs({ metadata }: KubernetesObject): boolean {
  return metadata.labels?.["app.kubernetes.io/instance"] === release.name;
}
