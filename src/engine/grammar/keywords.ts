/** Keywords whose value holds schemas by name. */
export const mapKeywords: ReadonlySet<string> = new Set(["properties", "$defs", "definitions", "patternProperties", "dependentSchemas"]);

/** Keywords whose value is a list of schemas. */
export const listKeywords: ReadonlySet<string> = new Set(["anyOf", "oneOf", "allOf", "prefixItems"]);

/** Keywords whose value is data. */
export const dataKeywords: ReadonlySet<string> = new Set(["enum", "const", "default", "examples", "example", "required", "type"]);

/** Keywords that say nothing of which values are valid, and are left out of a grammar knowingly. */
export const annotations: ReadonlySet<string> = new Set([
  "$schema",
  "$comment",
  "$defs",
  "definitions",
  "title",
  "description",
  "default",
  "examples",
  "example",
  "deprecated",
  "readOnly",
  "writeOnly",
  "contentMediaType",
  "contentEncoding",
  "discriminator",
]);

/** Keywords that a grammar cannot express, and what is said of them. */
export const refusedKeywords: ReadonlyMap<string, string> = new Map([
  ["not", "a grammar cannot say what a value is not"],
  ["if", "a grammar cannot make one part depend on another"],
  ["then", "a grammar cannot make one part depend on another"],
  ["else", "a grammar cannot make one part depend on another"],
  ["dependentRequired", "a grammar cannot make one member depend on another"],
  ["dependentSchemas", "a grammar cannot make one member depend on another"],
  ["dependencies", "a grammar cannot make one member depend on another"],
  ["patternProperties", "a grammar cannot tell names of members by patterns"],
  ["propertyNames", "a grammar cannot hold names of members to a schema"],
  ["contains", "a grammar cannot say that some items match"],
  ["minContains", "a grammar cannot say that some items match"],
  ["maxContains", "a grammar cannot say that some items match"],
  ["unevaluatedItems", "a grammar does not know what other schemas have looked at"],
  ["unevaluatedProperties", "a grammar does not know what other schemas have looked at"],
  ["additionalItems", "say prefixItems and items"],
  ["$dynamicRef", "only $ref to a place in the same schema is known"],
  ["$dynamicAnchor", "only $ref to a place in the same schema is known"],
  ["$recursiveRef", "only $ref to a place in the same schema is known"],
  ["$recursiveAnchor", "only $ref to a place in the same schema is known"],
  ["$anchor", "only $ref to a place in the same schema is known"],
  ["$vocabulary", "only the usual keywords are known"],
  ["contentSchema", "a grammar cannot look into encoded content"],
]);
