import type { TSchema } from "typebox";

/** JSON as the document is made of. */
export type Json = Readonly<Record<string, unknown>>;

/** The schemas of a document: those with names stand once, and are referred to. */
export interface Components {
  /** What stands in the document where a schema is meant. */
  readonly refer: (schema: TSchema) => Json;
  /** The schemas that were referred to so far, by name. */
  readonly schemas: () => Json;
}

/** Keywords below which values stand, and no schemas. */
const values: ReadonlySet<string> = new Set(["const", "enum", "default", "examples", "required"]);

/**
 * Gathers schemas. A schema is told by what it says rather than by its identity: an optional one is another object than the one it was made of.
 * What is only described otherwise is a reference with a description of its own.
 */
export function componentsOf(named: ReadonlyMap<string, TSchema>): Components {
  const names = new Map<string, string>();
  const meant = new Map<string, Json>();
  for (const [name, schema] of named) {
    const json = plain(schema);
    if (!isWorthAName(json)) continue;
    meant.set(name, json);
    const key = keyOf(json);
    if (!names.has(key)) names.set(key, name);
  }
  const used = new Map<string, Json>();
  const refer = (json: Json): Json => {
    const name = names.get(keyOf(json));
    if (name === undefined) return below(json, walk);
    if (!used.has(name)) {
      used.set(name, {}); // before what is below it is walked, so that a type that holds itself ends
      used.set(name, below(meant.get(name) ?? json, walk));
    }
    const { description } = json;
    const isDescribed = description !== undefined && description !== meant.get(name)?.["description"];
    return { $ref: `#/components/schemas/${name}`, ...(isDescribed && { description }) };
  };
  const walk = (value: unknown): unknown => (Array.isArray(value) ? value.map(walk) : isJson(value) ? refer(value) : value);
  return {
    refer: (schema) => refer(plain(schema)),
    schemas: () => Object.fromEntries([...used].toSorted(([one], [other]) => (one < other ? -1 : 1))),
  };
}

/** The keywords of a schema, with those below it walked. Maps of any keys are said as generators of clients know them. */
function below(json: Json, walk: (value: unknown) => unknown): Json {
  const { patternProperties, ...rest } = json;
  const entries = Object.entries(rest).map(([keyword, value]) => [keyword, belowKeyword(keyword, value, walk)]);
  const any = isJson(patternProperties) ? patternProperties["^.*$"] : undefined;
  if (any !== undefined) entries.push(["additionalProperties", walk(any)]);
  else if (patternProperties !== undefined) entries.push(["patternProperties", patternProperties]);
  return Object.fromEntries(entries) as Json;
}

function belowKeyword(keyword: string, value: unknown, walk: (value: unknown) => unknown): unknown {
  if (values.has(keyword)) return value;
  if (keyword === "properties" && isJson(value)) return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, walk(each)]));
  return walk(value);
}

/** Names are for what has a shape: a bare text would be meant wherever there is one. */
function isWorthAName({ properties, anyOf, enum: words }: Json): boolean {
  return properties !== undefined || anyOf !== undefined || words !== undefined;
}

function keyOf(json: Json): string {
  return JSON.stringify({ ...json, description: undefined });
}

function plain(schema: TSchema): Json {
  return JSON.parse(JSON.stringify(schema)) as Json;
}

/** Whether a value is an object of JSON. */
function isJson(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
