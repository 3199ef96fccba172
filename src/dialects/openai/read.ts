import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { base64Decode } from "@bufbuild/protobuf/wire";
import { invalidField } from "../../core/reasons.ts";
import type { ConnectError } from "@connectrpc/connect";

// Readers of parsed JSON: null is absent everywhere, since clients send both; a wrong type is refused by name. Text is made well-formed here,
// at the border: half of a surrogate pair is no character, UTF-8 has no place for it, and strict parsers refuse it in our answers.

/** A JSON object of unknown shape. */
export type Json = Readonly<Record<string, unknown>>;

/** The object a value is, or a refusal that names `path`. */
export function objectAt(value: unknown, path: string): Json {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Json;
  throw wrongType(path, "an object", value);
}

/** The list a value is, or a refusal that names `path`. */
export function listAt(value: unknown, path: string): readonly unknown[] {
  if (Array.isArray(value)) return value as unknown[];
  throw wrongType(path, "an array", value);
}

/** The text a value is, or a refusal that names `path`. */
export function textAt(value: unknown, path: string): string {
  if (typeof value === "string") return value.toWellFormed();
  throw wrongType(path, "a string", value);
}

/** The bytes that a text is the base64 of, or a refusal that names `path`. */
export function bytesAt(value: unknown, path: string): Uint8Array<ArrayBuffer> {
  try {
    return base64Decode(textAt(value, path));
  } catch {
    throw invalidField(path, "is not base64");
  }
}

/** The number a value is, or a refusal that names `path`. */
export function numberAt(value: unknown, path: string): number {
  if (typeof value !== "number") throw wrongType(path, "a number", value);
  // What the parser makes of 1e999.
  if (!Number.isFinite(value)) throw invalidField(path, "is out of range: no number of 64 bits is that large");
  return value;
}

/** The integer of 32 bits a value is, or a refusal that names `path`. */
export function integerAt(value: unknown, path: string): number {
  const number = numberAt(value, path);
  if (Number.isInteger(number) && number >= -2147483648 && number <= 2147483647) return number;
  throw invalidField(path, `${number} is not an integer of 32 bits`);
}

/** A field that is there, or a refusal that says that it is required. */
export function required(object: Json, name: string, at: string): unknown {
  const value = present(object, name);
  if (value === undefined) throw invalidField(at + name, "is required");
  return value;
}

/** A field's value; undefined when it is absent or null. */
export function present(object: Json, name: string): unknown {
  return Object.hasOwn(object, name) ? (object[name] ?? undefined) : undefined;
}

/** Whether an object says one of these fields at all: most requests say few of the many that there are, and to look for each costs more than to look once for all. */
export function saysAny(object: Json, names: ReadonlySet<string>): boolean {
  for (const name of Object.keys(object)) if (names.has(name)) return true;
  return false;
}

/** Reads a field with one of the readers above; undefined when it is absent or null. */
export function read<Value>(object: Json, name: string, as: (value: unknown, path: string) => Value): Value | undefined {
  const value = present(object, name);
  return value === undefined ? undefined : as(value, name);
}

/** Reads a field below `at` with one of the readers above; undefined when it is absent or null. */
export function readAt<Value>(
  object: Json,
  path: { readonly at: string; readonly name: string },
  as: (value: unknown, path: string) => Value,
) {
  const value = present(object, path.name);
  return value === undefined ? undefined : as(value, path.at + path.name);
}

/** A copy without the fields that are undefined. */
export function defined<Fields extends object>(fields: Fields): { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> } {
  const copy: Record<string, unknown> = {};
  for (const name of Object.keys(fields)) {
    const value: unknown = fields[name as keyof Fields];
    if (value !== undefined) copy[name] = value;
  }
  return copy as { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> };
}

/** The boolean a value is, or a refusal that names `path`. */
export function booleanAt(value: unknown, path: string): boolean {
  if (typeof value === "boolean") return value;
  throw wrongType(path, "a boolean", value);
}

/** One of a table's keys, as the table's value, or a refusal that names `path` and the keys. */
export function oneOf<Value>(table: Readonly<Record<string, Value>>): (value: unknown, path: string) => Value {
  return (value, path) => {
    const word = textAt(value, path);
    const found = Object.hasOwn(table, word) ? table[word] : undefined;
    if (found === undefined) throw invalidField(path, `${JSON.stringify(word.slice(0, 64))} is none of ${Object.keys(table).join(", ")}`);
    return found;
  };
}

/** An object as its JSON text, or a refusal that names `path`. */
export function jsonTextAt(value: unknown, path: string): string {
  return JSON.stringify(structAt(value, path));
}

/** An object as a Struct takes it, or a refusal that names `path`. */
export function structAt(value: unknown, path: string): JsonObject {
  return Object.fromEntries(Object.entries(objectAt(value, path)).map(([key, item]) => [key.toWellFormed(), jsonAt(item, path)]));
}

/** Any JSON as it may leave again: its text well-formed, its numbers finite. */
function jsonAt(value: unknown, path: string): JsonValue {
  if (typeof value === "string") return value.toWellFormed();
  if (typeof value === "number") return numberAt(value, path);
  if (Array.isArray(value)) return value.map((item) => jsonAt(item, path));
  return typeof value === "object" && value !== null ? structAt(value, path) : (value as JsonValue);
}

function wrongType(path: string, wanted: string, value: unknown): ConnectError {
  return invalidField(path, `must be ${wanted}, not ${kindOf(value)}`);
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
