import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { expect, it } from "vitest";
import { main } from "../../main.ts";
import { temporaryFolder } from "../../testing/temporary-folder.ts";
import { goldenOf, objectsIn, scenarios } from "./helm.ts";

interface Variable {
  readonly name: string;
  /** Absent where it comes from a Secret. */
  readonly value?: string;
}

/** The configuration and the variables of a scenario's container. */
function configurationOf(scenario: string): { readonly file: string; readonly variables: readonly Variable[] } {
  const objects = objectsIn(readFileSync(goldenOf(scenario), "utf8"));
  const { data } = (objects.find((object) => (object["data"] as object | undefined)?.hasOwnProperty("parley.yaml")) ?? {}) as {
    readonly data?: { readonly "parley.yaml": string };
  };
  const deployment = objects.find(({ kind }) => kind === "Deployment") as unknown as {
    readonly spec: { readonly template: { readonly spec: { readonly containers: readonly { readonly env: readonly Variable[] }[] } } };
  };
  return { file: data?.["parley.yaml"] ?? "{}", variables: deployment.spec.template.spec.containers[0]?.env ?? [] };
}

it.each(scenarios())("the service takes the configuration that the chart renders for %s", async (scenario) => {
  const folder = await temporaryFolder();
  const { file, variables } = configurationOf(scenario);
  writeFileSync(join(folder, "parley.yaml"), file);
  writeFileSync(join(folder, "keys.json"), '{"keys":[{"id":"a","key":"parley_0123456789"}]}');
  const own = { LLM_API_KEYS_FILE: join(folder, "keys.json"), LLM_DATA_DIR: folder, LLM_MODELS_DIR: folder };
  const given = Object.fromEntries(variables.map(({ name, value = "a-key-of-an-upstream" }) => [name, value]));
  const [out, err] = [new PassThrough({ encoding: "utf8" }), new PassThrough({ encoding: "utf8" })];
  const words = ["serve", "--check", "--config", join(folder, "parley.yaml")];
  const exitCode = await main(words, { variables: { ...given, ...own }, out, err });
  const said = String(out.read());
  expect([exitCode, err.read()]).toEqual([0, null]);
  expect(said).toMatch(/^http\.host +0\.0\.0\.0 +LLM_HOST$/m);
  expect(said).toMatch(/^http\.adminPort +9090 +LLM_ADMIN_PORT$/m);
  expect(said).toMatch(/^http\.open +false +LLM_OPEN$/m);
  expect(said).toMatch(/^clientKeys +false +default$/m);
});
