import { fromJson, ScalarType, type DescField, type DescMessage, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import { nearest } from "../environment/nearest.ts";

/** What is wrong with a message's JSON, beginning with the path of the key; undefined when nothing is. Values are never told. */
export function jsonProblem(schema: DescMessage, json: JsonValue, path: string): string | undefined {
  if (!isObject(json)) return `${path === "" ? "the whole" : path}: must be a map of names to values`;
  if (schema.typeName === "google.protobuf.Struct") return undefined;
  const seen = new Set<DescField>();
  for (const [key, value] of Object.entries(json)) {
    const at = path === "" ? key : `${path}.${key}`;
    const field = schema.fields.find(({ name, jsonName }) => key === name || key === jsonName);
    if (field === undefined) return unknownKey(schema, key, at);
    if (seen.has(field)) return `${at}: given twice, in two spellings`;
    seen.add(field);
    const problem = value === null ? undefined : fieldProblem(field, value, at);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function unknownKey(schema: DescMessage, key: string, at: string): string {
  const names = schema.fields.map(({ jsonName }) => jsonName);
  const near = nearest(key, names);
  return `${at}: there is no such key; ${near === undefined ? `known are ${names.join(", ")}` : `did you mean ${near}`}`;
}

function fieldProblem(field: DescField, value: JsonValue, at: string): string | undefined {
  switch (field.fieldKind) {
    case "message":
      return jsonProblem(field.message, value, at);
    case "list":
      if (!Array.isArray(value)) return `${at}: must be a list`;
      return first(value.entries(), ([index, item]) =>
        field.listKind === "message"
          ? jsonProblem(field.message, item, `${at}[${index}]`)
          : scalarProblem(field, [item], `${at}[${index}]`),
      );
    case "map":
      if (!isObject(value)) return `${at}: must be a map of names to values`;
      return first(Object.entries(value), ([key, item]) =>
        field.mapKind === "message"
          ? jsonProblem(field.message, item, `${at}.${key}`)
          : scalarProblem(field, { [key]: item }, `${at}.${key}`),
      );
    default:
      return scalarProblem(field, value, at);
  }
}

/** Asks Protobuf itself whether the value fits the field, and words the answer without the value. */
function scalarProblem(field: DescField, value: JsonValue, at: string): string | undefined {
  try {
    fromJson(field.parent, { [field.jsonName]: value });
    return undefined;
  } catch {
    return `${at}: must be ${expected[field.scalar ?? ScalarType.STRING] ?? "another kind of value"}`;
  }
}

const expected: Partial<Record<ScalarType, string>> = {
  [ScalarType.STRING]: "a text",
  [ScalarType.BOOL]: "true or false",
  [ScalarType.INT32]: "a whole number",
  [ScalarType.INT64]: "a whole number",
  [ScalarType.DOUBLE]: "a number",
};

function first<Item>(items: Iterable<Item>, problem: (item: Item) => string | undefined): string | undefined {
  for (const item of items) {
    const found = problem(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isObject(json: JsonValue): json is JsonObject {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}
