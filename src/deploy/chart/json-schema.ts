/** A JSON Schema, as far as the chart's values need one. */
export type JsonSchema = Readonly<Record<string, unknown>>;

type Properties = Readonly<Record<string, JsonSchema>>;

/** An object with these properties and no others; all but the optional ones must be there. */
export function closed(properties: Properties, optional: Properties = {}): JsonSchema {
  const required = Object.keys(properties);
  return {
    type: "object",
    additionalProperties: false,
    ...(required.length > 0 && { required }),
    properties: { ...properties, ...optional },
  };
}

/** A map from any name to values of one kind. */
export const mapOf = (value: JsonSchema): JsonSchema => ({ type: "object", additionalProperties: value });

/** A list of values of one kind. */
export const listOf = (items: JsonSchema): JsonSchema => ({ type: "array", items });

/** One of these texts. */
export const oneOf = (...texts: readonly string[]): JsonSchema => ({ type: "string", enum: texts });

/** A text that a pattern matches whole. Lengths stand beside the pattern: helm compiles `{0,251}` to hundreds of states, for each chart anew. */
export const matching = (pattern: string, maxLength?: number): JsonSchema => ({
  type: "string",
  pattern: `^(?:${pattern})$`,
  ...(maxLength !== undefined && { maxLength }),
});

/** A whole number of a range. */
export const whole = (minimum: number, maximum: number): JsonSchema => ({ type: "integer", minimum, maximum });

/** Any text. */
export const text: JsonSchema = { type: "string" };

/** True or false. */
export const truth: JsonSchema = { type: "boolean" };

const label = "[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?";
const prefix = "(?:[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?/)?";
const objectName = "[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?";

/** Name of a Kubernetes object. */
export const name: JsonSchema = matching(objectName, 253);

/** The same, or nothing. */
export const nameOrNothing: JsonSchema = matching(`(?:${objectName})?`, 253);

/** Key of a Secret or ConfigMap. */
export const dataKey: JsonSchema = matching("[-._a-zA-Z0-9]+", 253);

/** Name of a label. */
export const labelName: JsonSchema = matching(`${prefix}${label}`, 317);

/** Labels, or what chooses by them. */
export const labels: JsonSchema = { type: "object", propertyNames: labelName, additionalProperties: matching(`(?:${label})?`, 63) };

/** Annotations. */
export const annotations: JsonSchema = { type: "object", propertyNames: labelName, additionalProperties: text };

/** An amount, such as 500m, 2Gi or 1. */
export const quantity: JsonSchema = {
  anyOf: [matching("[0-9]+(?:\\.[0-9]+)?(?:m|k|Ki|M|Mi|G|Gi|T|Ti|P|Pi|E|Ei)?"), { type: "integer", minimum: 0 }],
};

/** A size, which is more than nothing. */
export const size: JsonSchema = matching("[1-9][0-9]*(?:\\.[0-9]+)?(?:k|Ki|M|Mi|G|Gi|T|Ti)?");

/** Name of a release's objects, or nothing: Services have the narrowest names, which begin with a letter. */
export const ownNameOrNothing: JsonSchema = matching("(?:[a-z](?:[-a-z0-9]*[a-z0-9])?)?", 52);
