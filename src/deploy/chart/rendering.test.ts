import { readFileSync } from "node:fs";
import { expect, it, vi } from "vitest";
import { goldenOf, goldenText, lint, objectsIn, render, scenarios, valuesOf } from "./helm.ts";
import { customCheck, isBuiltIn, kubernetesCheck, type Check } from "./object-schemas.ts";
import { describeWithTools } from "./scene.ts";
import { customDefinitions, helm, helmNames, kubernetesSchemas, kubernetesVersions } from "./tools.ts";

// The tools are fetched by the first run.
vi.setConfig({ testTimeout: 300_000 });

for (const name of helmNames) {
  describeWithTools(`the chart by ${name}`, [await helm(name)], ([path = ""]) => {
    it.each(["default", "edge", "scaled"])("is without a fault to lint with the values of %s", async (scenario) => {
      expect(await lint(path, ["--values", valuesOf(scenario)])).toContain("1 chart(s) linted, 0 chart(s) failed");
    });

    it.each(scenarios())("renders %s as its golden file has it, which `npm run chart` renews", async (scenario) => {
      expect(goldenText(await render(path, ["--values", valuesOf(scenario)]))).toBe(readFileSync(goldenOf(scenario), "utf8"));
    });
  });
}

const schemas = await Promise.all(kubernetesVersions.map(kubernetesSchemas));

describeWithTools("rendered objects", [await customDefinitions(), ...schemas], ([definitions = "", ...files]) => {
  const others = customCheck(definitions);
  const checks = files.map((file, index) => [kubernetesVersions[index] ?? "", kubernetesCheck(file)] as const);
  const of =
    (builtIn: Check): Check =>
    (object) =>
      isBuiltIn(object) ? builtIn(object) : others(object);
  const golden = (scenario: string) => objectsIn(readFileSync(goldenOf(scenario), "utf8"));

  it.each(scenarios())("are what Kubernetes' schemas ask for, without unknown fields: %s", (scenario) => {
    const objects = golden(scenario);
    expect(objects.length).toBeGreaterThan(5);
    for (const [version, builtIn] of checks) {
      // Volumes of images are younger than the oldest version.
      const isOlder = scenario === "image-volume" && version === "1.30";
      const problems = objects.flatMap(of(builtIn)).filter((problem) => !isOlder || !problem.endsWith("(image)"));
      expect(problems, version).toEqual([]);
    }
  });

  it("would be refused with a field that nobody knows", () => {
    const objects = golden("edge").flatMap((object) => (object["spec"] === undefined ? [] : [object]));
    const [, builtIn] = checks.at(-1) ?? [];
    for (const object of objects) {
      const broken = { ...object, spec: { ...(object["spec"] as object), nonsense: 1 } };
      expect(builtIn === undefined ? "" : of(builtIn)(broken).join(), object.kind).toContain("(nonsense)");
    }
    expect(objects.map(({ kind }) => kind)).toEqual(expect.arrayContaining(["Deployment", "GRPCRoute", "HTTPRoute", "Ingress"]));
  });
});
