import type { SchemaNode } from "./schema-text.ts";

/** Kinds of JSON values. */
export const kinds = ["null", "boolean", "number", "string", "array", "object"] as const;

/** Kind of a JSON value. */
export type Kind = (typeof kinds)[number];

/** An end of a range of numbers. */
export interface Bound {
  readonly value: number;
  readonly isExclusive: boolean;
}

/** A part of a schema that stands at a pointer. */
export interface At<Value> {
  readonly value: Value;
  readonly pointer: string;
}

/** What one schema says of the members of an object. */
export interface MembersPart {
  readonly properties: ReadonlyMap<string, SchemaNode>;
  /** Of members without an entry; undefined: anything. */
  readonly additional: SchemaNode | undefined;
}

/** What one schema says of the items of a list. */
export interface ItemsPart {
  readonly prefix: readonly SchemaNode[];
  /** Of items beyond; undefined: anything. */
  readonly rest: SchemaNode | undefined;
}

/** Alternatives, of which one must hold. */
export interface Alternatives {
  readonly branches: readonly SchemaNode[];
  /** Whether no more than one may hold. */
  readonly isExclusive: boolean;
  readonly pointer: string;
}

/** All that several schemas which hold at once say of a value, kind by kind; what is said of a kind says nothing of the others. */
export interface Shape {
  kinds: ReadonlySet<Kind>;
  /** Whether `type` was said. */
  isTyped: boolean;
  /** Kinds of which something is said. */
  readonly spoken: Set<Kind>;
  isInteger: boolean;
  /** The only values; undefined: any. */
  values: readonly unknown[] | undefined;
  low: Bound | undefined;
  high: Bound | undefined;
  readonly multiples: At<number>[];
  minLength: number;
  maxLength: number;
  readonly patterns: At<string>[];
  readonly formats: At<string>[];
  minItems: number;
  maxItems: number;
  readonly items: ItemsPart[];
  /** Where it is said that no item may be there twice. */
  unique: string | undefined;
  minProperties: At<number> | undefined;
  maxProperties: At<number> | undefined;
  readonly members: MembersPart[];
  /** Names of members that must be there, in order. */
  readonly required: Set<string>;
  alternatives: readonly Alternatives[];
}

/** The shape of anything. */
export function anyShape(): Shape {
  return {
    kinds: new Set(kinds),
    isTyped: false,
    spoken: new Set(),
    isInteger: false,
    values: undefined,
    low: undefined,
    high: undefined,
    multiples: [],
    minLength: 0,
    maxLength: Infinity,
    patterns: [],
    formats: [],
    minItems: 0,
    maxItems: Infinity,
    items: [],
    unique: undefined,
    minProperties: undefined,
    maxProperties: undefined,
    members: [],
    required: new Set(),
    alternatives: [],
  };
}

/**
 * Kinds that are written. Without `type` any kind is valid that no keyword forbids; of a schema that speaks of some kinds only those are written,
 * which is what its author means.
 */
export function writtenKinds(shape: Shape): readonly Kind[] {
  const allowed = kinds.filter((kind) => shape.kinds.has(kind));
  const spoken = allowed.filter((kind) => shape.spoken.has(kind));
  return shape.isTyped || spoken.length === 0 ? allowed : spoken;
}

/** What holds for the item at a place. */
export function itemNodes({ items }: Shape, index: number): SchemaNode[] {
  return items.flatMap(({ prefix, rest }) => prefix[index] ?? rest ?? []);
}

/** What holds for items beyond every prefix. */
export function restNodes({ items }: Shape): SchemaNode[] {
  return items.flatMap(({ rest }) => rest ?? []);
}

/** Items of which a prefix speaks. */
export function prefixLength({ items }: Shape): number {
  return items.reduce((most, { prefix }) => Math.max(most, prefix.length), 0);
}

/** What holds for the member of a name. */
export function memberNodes({ members }: Shape, name: string): SchemaNode[] {
  return members.flatMap(({ properties, additional }) => properties.get(name) ?? additional ?? []);
}

/** What holds for members that no schema names. */
export function additionalNodes({ members }: Shape): SchemaNode[] {
  return members.flatMap(({ additional }) => additional ?? []);
}

/** Names of members in the order they are written: as the schemas name them, then those that are only required. */
export function memberNames({ members, required }: Shape): string[] {
  return [...new Set([...members.flatMap(({ properties }) => [...properties.keys()]), ...required])];
}

/**
 * Whether members are written that no schema names: where a schema is told for them, or where no name is known at all.
 * Elsewhere they are left out, which is always valid.
 */
export function writesAdditional(shape: Shape): boolean {
  const told = shape.members.some(({ additional }) => additional !== undefined && typeof additional.schema === "object");
  return told || memberNames(shape).length === 0;
}
