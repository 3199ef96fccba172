import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { readStoredKeys } from "../../keys/stored-key.ts";
import { chart, scenarios } from "./helm.ts";
import type { JsonSchema } from "./json-schema.ts";
import { documentedValues, renewedReadme } from "./readme.ts";
import { valuesSchema, valuesSchemaFile } from "./values-schema.ts";

const textOf = (file: string) => readFileSync(join(chart, file), "utf8");

describe("the chart's documents", () => {
  it("are as `npm run chart` makes them", () => {
    expect(textOf("values.schema.json")).toBe(valuesSchemaFile());
    expect(textOf("README.md")).toBe(renewedReadme(textOf("README.md"), textOf("values.yaml")));
  });

  it("explain every value", () => {
    const explained = new Set(documentedValues(textOf("values.yaml")).map(({ path }) => path));
    expect([...leavesOf(parse(textOf("values.yaml")), "", explained)].filter((path) => !explained.has(path))).toEqual([]);
    expect(explained.size).toBeGreaterThan(90);
  });

  it("lead to files that are there, and name every scenario", () => {
    for (const file of ["README.md", "OPERATING.md"]) {
      const links = [...textOf(file).matchAll(/\]\(([^)#:]+)\)/g)].map(([, link = ""]) => join(dirname(join(chart, file)), link));
      expect(links.filter((link) => !existsSync(link))).toEqual([]);
    }
    for (const scenario of scenarios()) expect(textOf("README.md")).toContain(`](ci/${scenario}.out.yaml)`);
  });

  it("show a file of keys that the service takes", () => {
    const [, shown = ""] = /```json\n([^`]+)```/.exec(textOf("OPERATING.md")) ?? [];
    expect(readStoredKeys("keys.json", shown, (word) => ["chat", "models", "admin"].includes(word))).toHaveLength(3);
  });

  it("have the version of the service", () => {
    const { version } = JSON.parse(readFileSync(join(chart, "../package.json"), "utf8")) as { readonly version: string };
    expect(parse(textOf("Chart.yaml"))).toMatchObject({ appVersion: version });
  });
});

describe("the schema of the values", () => {
  it("is closed everywhere but where Kubernetes or the contract have their own say", () => {
    const open = [...openObjects(valuesSchema(), "")];
    expect(open.toSorted()).toEqual([
      "affinity.nodeAffinity",
      "affinity.podAffinity",
      "affinity.podAntiAffinity",
      "config.routes[].targets[].parameters",
      "extraObjects[]",
      "extraObjects[].metadata",
      "global",
    ]);
  });

  it("takes no secret and nothing that the chart says itself", () => {
    const { properties } = valuesSchema() as { readonly properties: Readonly<Record<string, { readonly properties: object }>> };
    const variables = Object.keys(properties["environment"]?.properties ?? {});
    expect(variables.filter((name) => /_KEYS?$|TOKEN$|HEADERS|_FILE$|_PORTS?$|LLM_HOST$|LLM_OPEN$/.test(name))).toEqual([]);
    expect(variables.length).toBeGreaterThan(40);
    expect(JSON.stringify(properties["config"])).not.toMatch(/apiKeys|keysFile|drainMs|adminPort|"open"/);
  });
});

/** Paths of all values that are no sections: what is explained as a whole is a value, whatever is in it. */
function* leavesOf(value: unknown, path: string, explained: ReadonlySet<string>): Generator<string> {
  const isSection = typeof value === "object" && value !== null && !Array.isArray(value) && !explained.has(path);
  if (!isSection) yield path;
  else for (const [name, inner] of Object.entries(value)) yield* leavesOf(inner, path === "" ? name : `${path}.${name}`, explained);
}

/** Places that take an object with any fields at all. */
function* openObjects(schema: JsonSchema, path: string): Generator<string> {
  const {
    type,
    properties = {},
    items,
    additionalProperties,
  } = schema as {
    readonly type?: string;
    readonly properties?: Readonly<Record<string, JsonSchema>>;
    readonly items?: JsonSchema;
    readonly additionalProperties?: JsonSchema | false;
  };
  if (type === "object" && additionalProperties === undefined) yield path;
  for (const [name, property] of Object.entries(properties)) yield* openObjects(property, path === "" ? name : `${path}.${name}`);
  if (items !== undefined) yield* openObjects(items, `${path}[]`);
  if (typeof additionalProperties === "object") yield* openObjects(additionalProperties, `${path}.*`);
}
