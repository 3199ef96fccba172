import fc from "fast-check";
import type { JsonSchema } from "./json-schema.ts";

/** JSON that the schema allows. Properties that have a default in values.yaml may be left out: `isWhole` is false as long as they have. */
export function valuesOfSchema(schema: JsonSchema, isWhole = false): fc.Arbitrary<unknown> {
  const { enum: texts, anyOf, pattern, type } = schema as { enum?: string[]; anyOf?: JsonSchema[]; pattern?: string; type?: unknown };
  if (texts !== undefined) return fc.constantFrom(...texts);
  if (anyOf !== undefined) return fc.oneof(...anyOf.map((one) => valuesOfSchema(one, isWhole)));
  if (pattern !== undefined) return fc.stringMatching(new RegExp(pattern), { size: "-1" });
  if (Array.isArray(type)) return fc.oneof(...type.map((one: unknown) => valuesOfSchema({ type: one }, isWhole)));
  switch (type) {
    case "object":
      return objectOf(schema, isWhole);
    case "array":
      return fc.array(valuesOfSchema(schema["items"] as JsonSchema, true), { maxLength: 2, minLength: Number(schema["minItems"] ?? 0) });
    case "integer":
      return fc.integer({ min: Number(schema["minimum"] ?? 0), max: Math.min(Number(schema["maximum"] ?? 1e9), Number.MAX_SAFE_INTEGER) });
    case "number":
      return fc.integer({ min: Math.ceil(Number(schema["minimum"] ?? 0)) + 1, max: Number(schema["exclusiveMaximum"] ?? 61) - 1 });
    case "boolean":
      return fc.boolean();
    default:
      return fc.stringMatching(/^[A-Za-z0-9 ._:"'#-]{0,12}$/);
  }
}

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
