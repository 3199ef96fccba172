import { ConnectError } from "@connectrpc/connect";
import { expect, test, vi } from "vitest";
import { reasonOf } from "../../core/reasons.ts";
import { compileSchema } from "./compile-schema.ts";
import { grammarText, jsonSchemaGrammar } from "./grammar.ts";

// The machine may be busy.
vi.setConfig({ testTimeout: 60_000 });

function refusal(schema: unknown): string {
  try {
    jsonSchemaGrammar(typeof schema === "string" ? schema : JSON.stringify(schema), "field");
  } catch (error) {
    if (error instanceof ConnectError) return `${reasonOf(error)} ${error.rawMessage}`;
    throw error;
  }
  throw new Error("it was compiled");
}

test("members stand in the schema's order, and those that are not required may be left out", () => {
  const grammar = jsonSchemaGrammar('{"type":"object","properties":{"b":{"type":"null"},"a":{"type":"null"}},"required":["a"]}', "field");
  expect(grammar.indexOf('\\"b\\"')).toBeLessThan(grammar.indexOf('\\"a\\"'));
});

test("several schemas stand in one grammar under prefixes of their own", () => {
  const one = compileSchema('{"type":"integer"}', { field: "tools[0]", prefix: "t0-" });
  const two = compileSchema('{"type":"string"}', { field: "tools[1]", prefix: "t1-" });
  const grammar = grammarText(`${one.root} | ${two.root}`, new Map([...one.rules, ...two.rules]), "tools");
  expect(grammar).toMatch(/^root ::= t0-0 \| t1-0\n/);
});

test("a keyword that cannot be expressed is refused by its place", () => {
  expect(refusal({ type: "object", properties: { a: { not: { type: "null" } } } })).toContain(
    "unsupported_field field: is not supported: #/properties/a/not",
  );
  expect(refusal({ type: "array", uniqueItems: true })).toContain("#/uniqueItems");
  expect(refusal({ type: "object", propertys: {} })).toContain("#/propertys");
});

test("what is no schema is refused as such", () => {
  expect(refusal("{")).toContain("invalid_request field: is no JSON");
  expect(refusal({ type: "text" })).toContain("invalid_request field: #/type");
  expect(refusal({ $ref: "#/$defs/missing" })).toContain("#/$ref");
  expect(refusal({ allOf: [{ $ref: "#" }] })).toContain("refers to itself");
  expect(refusal({ type: "object", properties: { a: { $ref: "#" } }, required: ["a"] })).toContain("no value that can be written");
});

test("a list with more items than it may have is never written", () => {
  const impossible = { type: "array", items: { type: "null" }, minItems: 1, maxItems: 0 };
  expect(refusal(impossible)).toContain("no value that can be written");
  expect(refusal({ ...impossible, prefixItems: [{ type: "null" }] })).toContain("no value that can be written");
  expect(jsonSchemaGrammar(JSON.stringify({ ...impossible, type: ["array", "boolean"] }), "field")).not.toContain('"["');
});

test("schemas deeper in one another than 64 are refused, and those that are not are compiled", () => {
  const nested = (depth: number): unknown => (depth === 1 ? { type: "null" } : { type: "array", items: nested(depth - 1) });
  expect(jsonSchemaGrammar(JSON.stringify(nested(64)), "field")).toContain("root ::=");
  expect(refusal(nested(65))).toContain("64");
});

test("each refusal names its keyword", () => {
  const refused: readonly (readonly [schema: unknown, place: string])[] = [
    [{ type: "object", patternProperties: {} }, "#/patternProperties"],
    [{ type: "object", minProperties: 2 }, "#/minProperties"],
    [{ type: "object", dependentRequired: {} }, "#/dependentRequired"],
    [{ if: true }, "#/if"],
    [{ type: "array", contains: true }, "#/contains"],
    [{ type: "array", items: [{}] }, "#/items"],
    [{ type: "string", pattern: "(?=a)b" }, "#/pattern"],
    [{ type: "string", pattern: "(a)\\1" }, "#/pattern"],
    [{ type: "string", pattern: "\\bword" }, "#/pattern"],
    [{ type: "string", format: "regex" }, "#/format"],
    [{ enum: ["a"], pattern: "a", type: "string" }, "#/pattern"],
    [{ type: "number", multipleOf: 0.01 }, "#/multipleOf"],
    [{ oneOf: [{ type: "integer" }, { type: "number" }] }, "#/oneOf"],
    [{ properties: { "a/b": { $ref: "https://example.org/schema" } } }, "#/properties/a~1b/$ref"],
    [{ $ref: "#/$defs/a", $defs: { a: { $id: "other", type: "null" } } }, "#/$defs/a/$id"],
    [{ type: "string", minLength: 1e9 }, "#/minLength"],
    [{ type: "array", minItems: 1e9 }, "#/minItems"],
    [{ properties: { a: { type: "string", pattern: "^a{0,100000}$" } } }, "#/properties/a/pattern"],
    [{ properties: { a: { anyOf: Array.from({ length: 2000 }, (_, value) => ({ const: value })) } } }, "#/properties/a/anyOf"],
  ];
  for (const [schema, place] of refused) expect(refusal(schema)).toContain(`unsupported_field field: is not supported: ${place} `);
});

test("what combines too much is refused, and soon", () => {
  const product = {
    allOf: Array.from({ length: 10 }, (_, one) => ({
      anyOf: Array.from({ length: 10 }, (_unused, other) => ({ required: [`${one} ${other}`] })),
    })),
  };
  expect(refusal(product)).toContain("can be worked out");
  expect(refusal({ type: "string", pattern: "^(.*a.{20}){9}$" })).toContain("can be worked out");
  expect(refusal({ type: "string", pattern: `^${"(".repeat(30)}a${"{9})".repeat(30)}$` })).toContain("can be worked out");
  expect(refusal({ enum: Array.from({ length: 9000 }, (_, index) => `value ${index * 7919}`) })).toContain("its grammar");
  expect(refusal(`{"const":"${"x".repeat(256 * 1024)}"}`)).toContain("262144 bytes");
});

test("names that every object has are names like others", () => {
  const grammar = jsonSchemaGrammar(
    '{"type":"object","properties":{"__proto__":{"type":"null"}},"required":["__proto__","constructor"]}',
    "field",
  );
  expect(grammar).toContain("__proto__");
  expect(grammar).toContain("constructor");
  expect(refusal('{"__proto__":{"type":"null"}}')).toContain("#/__proto__");
});
