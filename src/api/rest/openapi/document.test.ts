import { glob } from "node:fs/promises";
import { join } from "node:path";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, it } from "vitest";
import { defaultLimits } from "../../../core/limits.ts";
import { drain } from "../../drain.ts";
import type { Doors } from "../../exchange.ts";
import { routesOf } from "../router.ts";
import type { Json } from "./components.ts";
import { openapiDocument } from "./document.ts";
import { wireTypes } from "./wire-types.ts";

const doors = { limits: defaultLimits, service: { models: {}, providers: {} }, drain: drain() } as unknown as Doors;
const routes = routesOf(doors, { metricsText: async () => ({ contentType: "", body: "" }), areProbesAlone: false });
const document = JSON.parse(JSON.stringify(openapiDocument(routes, { name: "parley", version: "1" }))) as Json & {
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { readonly schemas: Record<string, Json> };
};

interface Operation {
  readonly operationId: string;
  readonly requestBody?: { readonly content: Record<string, { readonly schema: Json; readonly example?: unknown }> };
  readonly responses: Record<string, { readonly content?: Record<string, { readonly schema: Json; readonly "x-itemSchema"?: Json }> }>;
}

const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, operation })),
);

/** Every schema that stands in an operation, whatever for. */
function schemasOf({ requestBody, responses }: Operation): readonly (readonly [where: string, schema: Json])[] {
  const answers = Object.entries(responses).flatMap(([status, { content = {} }]) =>
    Object.entries(content).map(([type, { schema, "x-itemSchema": item }]) => [`${status} ${type}`, item ?? schema] as const),
  );
  return [...Object.entries(requestBody?.content ?? {}).map(([type, { schema }]) => [`body ${type}`, schema] as const), ...answers];
}

const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, validateFormats: false, strictRequired: false, strictTypes: false });
ajv.addVocabulary(["openapi", "info", "servers", "tags", "paths", "components", "x-itemSchema", "example"]);
ajv.addSchema(document, "openapi.json");
const compiled = (schema: Json) =>
  ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/components/', '"openapi.json#/components/')) as Json);

describe("the document of the REST routes", () => {
  it("is OpenAPI 3.1", async () => {
    const validator = new Validator();
    expect(await validator.validate(structuredClone(document))).toEqual({ valid: true });
    expect(validator.version).toBe("3.1");
  });

  it("tells of every method of every route", () => {
    const served = routes
      .flatMap(({ path, methods }) => Object.keys(methods).map((method) => `${method} ${path}`))
      .filter((name) => !name.startsWith("HEAD "));
    expect(operations.map(({ name }) => name)).toEqual(served);
  });

  it("names each operation once", () => {
    expect(new Set(operations.map(({ operation }) => operation.operationId)).size).toBe(operations.length);
  });

  it.each(operations)("says what $name is made of", ({ operation }) => {
    const unsaid = schemasOf(operation).filter(([, schema]) => Object.keys(schema).every((keyword) => keyword === "description"));
    expect(unsaid.map(([where]) => where)).toEqual([]);
  });

  it.each(operations)("has schemas for $name that JSON Schema 2020-12 understands", ({ operation }) => {
    for (const [where, schema] of schemasOf(operation)) expect(() => compiled(schema), where).not.toThrow();
  });

  it.each(operations.filter(({ operation }) => operation.requestBody !== undefined))(
    "has an example of $name that fits",
    ({ operation }) => {
      const { schema, example } = operation.requestBody?.content["application/json"] ?? {};
      const isValid = compiled(schema ?? {});
      expect(isValid(example), JSON.stringify(isValid.errors)).toBe(true);
    },
  );

  it("refers to nothing that is not there", () => {
    const referred = new Set([...JSON.stringify(document).matchAll(/"#\/components\/schemas\/([^"]+)"/g)].map(([, name]) => name));
    expect(referred).toEqual(new Set(Object.keys(document.components.schemas)));
  });

  it("knows every wire type of the dialects by a name", async () => {
    const named = new Set(wireTypes.values());
    const missing: string[] = [];
    // What else is exported makes types; what has no shape of its own needs no name.
    const isType = (name: string, schema: object) => /^[A-Z]/.test(name) && ["properties", "anyOf", "enum"].some((key) => key in schema);
    const folder = join(import.meta.dirname, "..", "..", "..", "dialects");
    for await (const file of glob("**/wire/*.ts", { cwd: folder, exclude: ["**/*.test.ts"] })) {
      const exported = (await import(join(folder, file))) as Record<string, object>;
      missing.push(
        ...Object.entries(exported).flatMap(([name, schema]) => (isType(name, schema) && !named.has(schema) ? [`${file} ${name}`] : [])),
      );
    }
    expect(missing).toEqual([]);
  });
});
