import { ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { reasonOf } from "../../core/reasons.ts";
import { compileSchema } from "./compile-schema.ts";
import { grammarText, jsonSchemaGrammar } from "./grammar.ts";

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

test("schemas deeper in one another than 64 are refused, and those that are not are compiled", () => {
  const nested = (depth: number): unknown => (depth === 1 ? { type: "null" } : { type: "array", items: nested(depth - 1) });
  expect(jsonSchemaGrammar(JSON.stringify(nested(64)), "field")).toContain("root ::=");
  expect(refusal(nested(65))).toContain("64");
});
