import { expect, test, vi } from "vitest";
import { boundedSchemas } from "../../testing/bounded-schemas.ts";
import { seededRandom } from "../../testing/seeded-random.ts";
import { randomSentences } from "../../testing/random-sentence.ts";
import { schemaJudge } from "../../testing/schema-answers.ts";
import { jsonObjectGrammar, jsonSchemaGrammar } from "./grammar.ts";

// Hundreds of schemas are compiled twice, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000 });

type Schema = Readonly<Record<string, unknown>>;

const judge = schemaJudge();

/** Texts drawn from a schema's grammar, all of which the validator has found valid. */
function drawn(schema: Schema, count: number): string[] {
  const draw = randomSentences(jsonSchemaGrammar(JSON.stringify(schema), "schema"), seededRandom(1));
  const texts = Array.from({ length: count }, () => draw(80));
  const faults = texts.flatMap((text) => {
    const fault = judge(schema, text);
    return fault === undefined ? [] : [`${text} by ${JSON.stringify(schema)}: ${fault}`];
  });
  expect(faults).toEqual([]);
  return texts;
}

/** All values that are drawn often enough to meet each. */
function allOf(schema: Schema, draws = 1500): unknown[] {
  return [...new Set(drawn(schema, draws))].map((text): unknown => JSON.parse(text));
}

test("what grammars of generated schemas write is valid by ajv", () => {
  for (const { schema } of boundedSchemas(340, 5)) drawn(schema, 8);
});

test("any object is JSON", () => {
  const draw = randomSentences(jsonObjectGrammar(), seededRandom(2));
  for (let time = 0; time < 200; time++) expect(Object.getPrototypeOf(JSON.parse(draw(100)))).toBe(Object.prototype);
});

test("integers in a range are all of them and no others", () => {
  const range = (low: number, high: number) => Array.from({ length: high - low + 1 }, (_, index) => low + index);
  for (const [low, high] of [
    [-5, 17],
    [0, 0],
    [95, 112],
    [-1003, -996],
  ] as const) {
    const values = allOf({ type: "integer", minimum: low, maximum: high }) as number[];
    expect(values.toSorted((one, other) => one - other)).toEqual(range(low, high));
  }
});

test("bounds of numbers hold for the doubles that are read", () => {
  drawn({ type: "number", exclusiveMinimum: 1e15 }, 100);
  drawn({ type: "number", exclusiveMinimum: 0.1, exclusiveMaximum: 0.3 }, 200);
  drawn({ type: "number", minimum: -1e-7, maximum: 1e-9 }, 200);
  drawn({ type: "number", minimum: 1e300 }, 20);
  drawn({ type: "integer", minimum: 2 ** 60 }, 50);
  drawn({ type: "number" }, 300);
});

test("multiples are those of which a validator says so", () => {
  expect((allOf({ type: "integer", multipleOf: 7, minimum: -20, maximum: 20 }) as number[]).toSorted((one, other) => one - other)).toEqual([
    -14, -7, 0, 7, 14,
  ]);
  drawn({ type: "integer", multipleOf: 60 }, 200);
  drawn({ type: "number", multipleOf: 0.25, minimum: -3.3 }, 200);
  expect(new Set(allOf({ type: "number", multipleOf: 0.01, minimum: 0.06, maximum: 0.08 }))).toEqual(new Set([0.06, 0.08]));
});

test("a string of a bounded length has every length in it, counted in characters", () => {
  const lengths = (schema: Schema) => new Set(drawn(schema, 400).map((text) => Array.from(JSON.parse(text) as string).length));
  expect(lengths({ type: "string", minLength: 2, maxLength: 4 })).toEqual(new Set([2, 3, 4]));
  expect(Math.max(...lengths({ type: "string", minLength: 1001, maxLength: 2500 }))).toBeLessThanOrEqual(2500);
});

test("patterns are found where they say, and hold together with lengths and one another", () => {
  const patterns = [
    "abc",
    "^a|b$",
    "(^x$)|(^yy$)",
    "^(a|aa)*$",
    '^[^"\\\\]{2,5}$',
    "^\\S+\\s\\S+$",
    "[\\x00-\\x1f]",
    "^[😀-😎]{2}$",
    "^[\\w.-]+@[\\w-]+\\.[a-z]{2,4}$",
    "^(?<year>\\d{4})$",
    ".",
    "",
  ];
  for (const pattern of patterns) drawn({ type: "string", pattern }, 40);
  for (const pattern of ["abc", "^a|b$", "^(a|aa)*$", "\\d"]) drawn({ type: "string", pattern, minLength: 3, maxLength: 6 }, 40);
  const both = allOf({ allOf: [{ type: "string", pattern: "^[ab]+$" }, { pattern: "a$" }, { minLength: 2, maxLength: 2 }] });
  expect(new Set(both)).toEqual(new Set(["aa", "ba"]));
});

test("a leap day is written in leap years alone", () => {
  const days = drawn({ type: "string", format: "date", pattern: "-02-29$" }, 100);
  expect(new Set(days).size).toBeGreaterThan(20);
});

test("alternatives of which one may hold never hold together", () => {
  drawn({ oneOf: [{ type: "string", maxLength: 3 }, { type: "string", minLength: 5, maxLength: 6 }, { type: "null" }] }, 100);
  drawn(
    {
      oneOf: [
        { type: "object", properties: { a: { type: "null" } }, required: ["a"] },
        { type: "object", properties: { b: { type: "null" } }, required: ["b"] },
      ],
    },
    100,
  );
  drawn({ oneOf: [{ enum: ["a", "b"] }, { type: "integer" }, { const: "c" }] }, 100);
});

test("members that no schema names have no name that one does", () => {
  const objects = drawn(
    {
      type: "object",
      properties: { ab: { type: "null" }, a: { type: "null" } },
      required: ["c"],
      additionalProperties: { type: "integer" },
    },
    400,
  );
  expect(objects.some((text) => Object.keys(JSON.parse(text) as object).length > 3)).toBe(true);
});
