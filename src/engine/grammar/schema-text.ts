import { isJsonObject, parsedJson, type JsonObject } from "../../core/json.ts";
import { invalidField, unsupportedField } from "../../core/reasons.ts";
import { dataKeywords, listKeywords, mapKeywords } from "./keywords.ts";

/** A schema, and where it stands: `#/properties/a`. */
export interface SchemaNode {
  readonly schema: JsonObject | boolean;
  readonly pointer: string;
}

/** Most bytes of a schema. */
const mostSchemaBytes = 256 * 1024;
/** Most schemas inside one another. */
const mostSchemaDepth = 64;

/** A schema that was read: its nodes, and how it is refused. */
export interface SchemaText {
  readonly root: SchemaNode;
  /** The schema at a local reference that stands at `pointer`. */
  resolve(reference: unknown, pointer: string): SchemaNode;
  /** The schema that stands at a pointer. */
  readonly node: (value: unknown, pointer: string) => SchemaNode;
  /** The error of a schema that is wrong at a pointer. */
  readonly invalid: (pointer: string, what: string) => Error;
  /** The error of a keyword that cannot be made into a grammar. */
  readonly unsupported: (pointer: string, why: string) => Error;
}

/** Reads a schema. Throws `invalid_request` naming `field` when it is too large, too deep, or no schema. */
export function schemaText(source: string, field: string): SchemaText {
  const invalid = (pointer: string, what: string) => invalidField(field, `${pointer}: ${what}`);
  const unsupported = (pointer: string, why: string) => unsupportedField(field, `${pointer} ${why}`);
  if (Buffer.byteLength(source) > mostSchemaBytes) throw invalidField(field, `the schema has more than ${mostSchemaBytes} bytes`);
  const value = parsedJson(source);
  if (value === undefined) throw invalidField(field, "is no JSON");
  const tooDeep = nestingFault(value);
  if (tooDeep !== undefined) throw invalidField(field, tooDeep);
  const node = (at: unknown, pointer: string): SchemaNode => {
    if (typeof at !== "boolean" && !isJsonObject(at)) throw invalid(pointer, "is no schema: an object, true or false");
    return { schema: at, pointer };
  };
  const root = node(value, "#");
  return {
    root,
    node,
    invalid,
    unsupported,
    resolve: (reference, pointer) => resolved({ root, node, invalid, unsupported }, reference, pointer),
  };
}

function resolved({ root, node, invalid, unsupported }: Omit<SchemaText, "resolve">, reference: unknown, pointer: string): SchemaNode {
  if (typeof reference !== "string") throw invalid(pointer, "must be a text");
  if (reference !== "#" && !reference.startsWith("#/"))
    throw unsupported(pointer, "refers to something else than a place in this schema (#/...)");
  let at: unknown = root.schema;
  for (const key of reference
    .split("/")
    .slice(1)
    .map((part) => unescaped(part, () => invalid(pointer, "is no JSON pointer")))) {
    const inner: unknown = (isJsonObject(at) || Array.isArray(at)) && Object.hasOwn(at, key) ? (at as JsonObject)[key] : undefined;
    if (inner === undefined) throw invalid(pointer, "refers to a place that is not there");
    at = inner;
  }
  return node(at, pointerOf(reference));
}

/** One spelling for one place, so that a schema is known when it is met again. */
function pointerOf(reference: string): string {
  return reference === "#"
    ? "#"
    : reference
        .split("/")
        .slice(1)
        .reduce(
          (pointer, part) =>
            below(
              pointer,
              unescaped(part, () => new Error("checked before")),
            ),
          "#",
        );
}

function unescaped(part: string, fail: () => Error): string {
  try {
    return decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~");
  } catch {
    throw fail();
  }
}

/** The pointer of what stands below another. */
export function below(pointer: string, key: string | number): string {
  return `${pointer}/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

interface Place {
  readonly value: unknown;
  readonly depth: number;
  /** What stands there: a schema, schemas by name, a list of schemas, or data. */
  readonly as: "schema" | "map" | "list" | "data";
}

/** Looks through the whole text, without recursion. Every level of data counts like a schema. */
function nestingFault(value: unknown): string | undefined {
  const open: Place[] = [{ value, depth: 1, as: "schema" }];
  for (let place = open.pop(); place !== undefined; place = open.pop()) {
    const { value: at, depth, as } = place;
    if (typeof at === "number" && !Number.isFinite(at)) return "holds a number that no double holds";
    if (typeof at !== "object" || at === null) continue;
    if (depth > mostSchemaDepth) return `schemas stand more than ${mostSchemaDepth} deep in one another`;
    for (const [key, inner] of Object.entries(at)) open.push(placeBelow(as, { key, inner, depth }));
  }
  return undefined;
}

function placeBelow(as: Place["as"], { key, inner, depth }: { key: string; inner: unknown; depth: number }): Place {
  if (as === "data") return { value: inner, depth: depth + 1, as };
  if (as === "map" || as === "list") return { value: inner, depth: depth + 1, as: "schema" };
  if (mapKeywords.has(key)) return { value: inner, depth, as: "map" };
  if (listKeywords.has(key)) return { value: inner, depth, as: "list" };
  return { value: inner, depth: dataKeywords.has(key) ? depth : depth + 1, as: dataKeywords.has(key) ? "data" : "schema" };
}
