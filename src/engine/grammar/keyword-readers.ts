import { isJsonObject } from "../../core/json.ts";
import { mostTimes } from "./rule-book.ts";
import { below, type SchemaNode, type SchemaText } from "./schema-text.ts";
import { kinds, type Bound, type Kind, type Shape } from "./shape.ts";

/** A keyword that is being read into a shape. */
interface Reading {
  readonly shape: Shape;
  readonly value: unknown;
  readonly pointer: string;
  /** The schema it stands in. */
  readonly node: SchemaNode;
  readonly text: SchemaText;
}

type Read = (reading: Reading) => void;

/** What each keyword does to the shape of a value. Each makes it narrower, whatever stood there before. */
export const keywordReaders: Readonly<Record<string, Read>> = {
  type: readType,
  nullable: readNullable,
  enum: readEnum,
  const: ({ shape, value }) => narrowValues(shape, [value]),
  minimum: (reading) => readLow(reading, false),
  exclusiveMinimum: (reading) => readLow(reading, true),
  maximum: (reading) => readHigh(reading, false),
  exclusiveMaximum: (reading) => readHigh(reading, true),
  multipleOf: readMultiple,
  minLength: of("string", (reading) => (reading.shape.minLength = Math.max(reading.shape.minLength, least(reading)))),
  maxLength: of("string", (reading) => (reading.shape.maxLength = Math.min(reading.shape.maxLength, count(reading)))),
  pattern: of("string", (reading) => reading.shape.patterns.push({ value: string(reading), pointer: reading.pointer })),
  format: of("string", (reading) => reading.shape.formats.push({ value: string(reading), pointer: reading.pointer })),
  minItems: of("array", (reading) => (reading.shape.minItems = Math.max(reading.shape.minItems, least(reading)))),
  maxItems: of("array", (reading) => (reading.shape.maxItems = Math.min(reading.shape.maxItems, count(reading)))),
  items: readItems,
  prefixItems: readPrefix,
  uniqueItems: readUnique,
  minProperties: of("object", (reading) => {
    const { shape, pointer } = reading;
    const value = Math.max(count(reading), shape.minProperties?.value ?? 0);
    shape.minProperties = { value, pointer };
  }),
  maxProperties: of("object", (reading) => {
    const { shape, pointer } = reading;
    const value = Math.min(count(reading), shape.maxProperties?.value ?? Infinity);
    shape.maxProperties = { value, pointer };
  }),
  properties: readProperties,
  additionalProperties: readAdditional,
  required: readRequired,
  anyOf: (reading) => readAlternatives(reading, false),
  oneOf: (reading) => readAlternatives(reading, true),
};

function of(kind: Kind, read: Read): Read {
  return (reading) => {
    reading.shape.spoken.add(kind);
    read(reading);
  };
}

function readType({ shape, value, pointer, node, text }: Reading): void {
  const names = typeof value === "string" ? [value] : Array.isArray(value) ? value : [];
  if (names.length === 0) throw text.invalid(pointer, "must be a type or a list of types");
  const told = new Set<Kind>();
  for (const name of names) {
    const kind = kinds.find((each) => each === (name === "integer" ? "number" : name));
    if (kind === undefined) throw text.invalid(pointer, "names a type that JSON does not have");
    told.add(kind);
  }
  if (isNullable(node)) told.add("null");
  shape.kinds = shape.kinds.intersection(told);
  shape.isTyped = true;
  if (names.includes("integer") && !names.includes("number")) shape.isInteger = true;
}

function isNullable({ schema }: SchemaNode): boolean {
  return typeof schema === "object" && schema["nullable"] === true;
}

/** `nullable` belongs to the `type` beside it, which reads it. */
function readNullable({ value, pointer, node, text }: Reading): void {
  if (typeof value !== "boolean") throw text.invalid(pointer, "must be true or false");
  const type = typeof node.schema === "object" ? node.schema["type"] : undefined;
  if (value && type === undefined) throw text.invalid(pointer, "needs a type beside it");
  if (!value && (type === "null" || (Array.isArray(type) && type.includes("null"))))
    throw text.invalid(pointer, "contradicts the type beside it");
}

function readEnum({ shape, value, pointer, text }: Reading): void {
  if (!Array.isArray(value) || value.length === 0) throw text.invalid(pointer, "must be a list of values");
  narrowValues(shape, value);
}

function narrowValues(shape: Shape, values: readonly unknown[]): void {
  const { values: before } = shape;
  shape.values = before === undefined ? values : before.filter((one) => values.some((other) => isSame(one, other)));
}

/** Whether two JSON values are equal; the order of members does not matter. */
export function isSame(one: unknown, other: unknown): boolean {
  if (Array.isArray(one) && Array.isArray(other))
    return one.length === other.length && one.every((item, index) => isSame(item, other[index]));
  if (!isJsonObject(one) || !isJsonObject(other)) return one === other;
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => Object.hasOwn(other, key) && isSame(one[key], other[key]));
}

function number({ value, pointer, text }: Reading): number {
  if (typeof value !== "number") throw text.invalid(pointer, "must be a number");
  return value;
}

function count(reading: Reading): number {
  const value = number(reading);
  if (!Number.isInteger(value) || value < 0) throw reading.text.invalid(reading.pointer, "must be a whole number from 0");
  return value;
}

/** How long something is at least. */
function least(reading: Reading): number {
  const value = count(reading);
  if (value > mostTimes) throw reading.text.unsupported(reading.pointer, `is more than ${mostTimes}, which is as far as a grammar counts`);
  return value;
}

function string({ value, pointer, text }: Reading): string {
  if (typeof value !== "string") throw text.invalid(pointer, "must be a text");
  return value;
}

function readLow(reading: Reading, isExclusive: boolean): void {
  const { shape } = reading;
  shape.spoken.add("number");
  shape.low = tighter(shape.low, { value: number(reading), isExclusive }, 1);
}

function readHigh(reading: Reading, isExclusive: boolean): void {
  const { shape } = reading;
  shape.spoken.add("number");
  shape.high = tighter(shape.high, { value: number(reading), isExclusive }, -1);
}

function tighter(before: Bound | undefined, bound: Bound, direction: 1 | -1): Bound {
  if (before === undefined) return bound;
  if (before.value === bound.value) return before.isExclusive ? before : bound;
  return (bound.value - before.value) * direction > 0 ? bound : before;
}

function readMultiple(reading: Reading): void {
  const value = number(reading);
  if (value <= 0) throw reading.text.invalid(reading.pointer, "must be above 0");
  reading.shape.spoken.add("number");
  reading.shape.multiples.push({ value, pointer: reading.pointer });
}

function readUnique({ shape, value, pointer, text }: Reading): void {
  if (typeof value !== "boolean") throw text.invalid(pointer, "must be true or false");
  shape.spoken.add("array");
  if (value) shape.unique = pointer;
}

function readItems({ shape, value, pointer, node, text }: Reading): void {
  if (Array.isArray(value)) throw text.unsupported(pointer, "is a list: say prefixItems and items");
  shape.spoken.add("array");
  // With prefixItems beside it, it is read there: it speaks of the items beyond.
  if (typeof node.schema === "object" && node.schema["prefixItems"] !== undefined) return;
  shape.items.push({ prefix: [], rest: text.node(value, pointer) });
}

function readPrefix({ shape, value, pointer, node, text }: Reading): void {
  if (!Array.isArray(value)) throw text.invalid(pointer, "must be a list of schemas");
  const beyond = typeof node.schema === "object" ? node.schema["items"] : undefined;
  shape.spoken.add("array");
  shape.items.push({
    prefix: value.map((each, index) => text.node(each, below(pointer, index))),
    rest: beyond === undefined ? undefined : text.node(beyond, below(node.pointer, "items")),
  });
}

function readProperties({ shape, value, pointer, node, text }: Reading): void {
  if (!isJsonObject(value)) throw text.invalid(pointer, "must be an object of schemas");
  const beyond = typeof node.schema === "object" ? node.schema["additionalProperties"] : undefined;
  shape.spoken.add("object");
  shape.members.push({
    properties: new Map(Object.entries(value).map(([name, each]) => [name, text.node(each, below(pointer, name))])),
    additional: beyond === undefined ? undefined : text.node(beyond, below(node.pointer, "additionalProperties")),
  });
}

function readAdditional({ shape, value, pointer, node, text }: Reading): void {
  shape.spoken.add("object");
  // With properties beside it, it is read there: it speaks of the members that they do not name.
  if (typeof node.schema === "object" && node.schema["properties"] !== undefined) return;
  shape.members.push({ properties: new Map(), additional: text.node(value, pointer) });
}

function readRequired({ shape, value, pointer, text }: Reading): void {
  if (!Array.isArray(value)) throw text.invalid(pointer, "must be a list of names");
  shape.spoken.add("object");
  for (const name of value) {
    if (typeof name !== "string") throw text.invalid(pointer, "must be a list of names");
    shape.required.add(name);
  }
}

function readAlternatives({ shape, value, pointer, text }: Reading, isExclusive: boolean): void {
  if (!Array.isArray(value) || value.length === 0) throw text.invalid(pointer, "must be a list of schemas");
  const branches = value.map((each, index) => text.node(each, below(pointer, index)));
  shape.alternatives = [...shape.alternatives, { branches, isExclusive, pointer }];
}
