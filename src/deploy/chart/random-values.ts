import * as fc from "fast-check";
import type { JsonSchema } from "./json-schema.ts";

/** JSON that the schema allows. Properties that have a default in values.yaml may be left out: `isWhole` is false as long as they have. */
export function valuesOfSchema(schema: JsonSchema, isWhole = false): fc.Arbitrary<unknown> {
  const { enum: texts, anyOf, pattern, type } = schema as { enum?: string[]; anyOf?: JsonSchema[]; pattern?: string; type?: unknown };
  if (texts !== undefined) return fc.constantFrom(...texts);
  if (anyOf !== undefined) return fc.oneof(...anyOf.map((one) => valuesOfSchema(one, isWhole)));
  if (pattern !== undefined) return textsOf(pattern);
  if (Array.isArray(type)) return fc.oneof(...type.map((one: unknown) => valuesOfSchema({ type: one }, isWhole)));
  return (byType[String(type)] ?? anyText)(schema, isWhole);
}

const known = new Map<string, fc.Arbitrary<string>>();

/** Texts that a pattern matches; made once a pattern, which takes long. */
function textsOf(pattern: string): fc.Arbitrary<string> {
  const texts = known.get(pattern) ?? fc.stringMatching(new RegExp(pattern), { size: "-1" });
  known.set(pattern, texts);
  return texts;
}

type Make = (schema: JsonSchema, isWhole: boolean) => fc.Arbitrary<unknown>;

const anyText: Make = () => fc.stringMatching(/^[A-Za-z0-9 ._:"'#-]{0,12}$/);

const byType: Readonly<Record<string, Make>> = {
  object: objectOf,
  array: ({ items, minItems = 0 }) => fc.array(valuesOfSchema(items as JsonSchema, true), { maxLength: 2, minLength: Number(minItems) }),
  integer: ({ minimum = 0, maximum = 1e9 }) =>
    fc.integer({ min: Number(minimum), max: Math.min(Number(maximum), Number.MAX_SAFE_INTEGER) }),
  number: ({ minimum = 0, maximum = 60, exclusiveMaximum = maximum }) =>
    fc.integer({ min: 1, max: 9 }).map((tenths) => Number(minimum) + ((Number(exclusiveMaximum) - Number(minimum)) * tenths) / 10),
  boolean: () => fc.boolean(),
};

function objectOf(schema: JsonSchema, isWhole: boolean): fc.Arbitrary<unknown> {
  const {
    properties,
    required = [],
    additionalProperties,
    propertyNames,
  } = schema as {
    properties?: Record<string, JsonSchema>;
    required?: string[];
    additionalProperties?: JsonSchema | false;
    propertyNames?: JsonSchema;
  };
  if (properties !== undefined) {
    const fields = Object.entries(properties).map(([name, property]) => {
      const value = valuesOfSchema(property, isWhole || name === "config" || name === "upstreamKeys");
      return [name, isWhole && required.includes(name) ? value : fc.option(value, { nil: undefined, freq: 2 })] as const;
    });
    return fc.record(Object.fromEntries(fields)).map(withoutNothing);
  }
  if (typeof additionalProperties !== "object") return fc.constant({});
  const names = propertyNames === undefined ? fc.stringMatching(/^[a-z][a-z0-9./-]{0,8}$/) : valuesOfSchema(propertyNames);
  return fc.dictionary(names as fc.Arbitrary<string>, valuesOfSchema(additionalProperties, true), { maxKeys: 2 });
}

function withoutNothing(record: Readonly<Record<string, unknown>>): unknown {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
}
