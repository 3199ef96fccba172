import { isJsonObject } from "../../core/json.ts";
import type { Compiler } from "./compiler.ts";
import { isSame } from "./keyword-readers.ts";
import { choosing, together, type Together } from "./merge.ts";
import type { SchemaNode } from "./schema-text.ts";
import { itemNodes, memberNodes, type Kind, type Shape } from "./shape.ts";

/** Of the values that a shape names, those that all the rest of it allows. */
export function allowedValues(shape: Shape, compiler: Compiler): readonly unknown[] {
  return (shape.values ?? []).filter((value) => fits(shape, value, compiler));
}

/** Whether a value is valid. */
export function accepts(schemas: Together, value: unknown, compiler: Compiler): boolean {
  compiler.spend(1);
  const shape = compiler.shapeOf(schemas);
  const isNamed = shape.values === undefined || shape.values.some((one) => isSame(one, value));
  return isNamed && fits(shape, value, compiler) && holdsAlternatives(shape, { schemas, value, compiler });
}

function holdsAlternatives(
  { alternatives: [first] }: Shape,
  { schemas, value, compiler }: { readonly schemas: Together; readonly value: unknown; readonly compiler: Compiler },
): boolean {
  if (first === undefined) return true;
  const holding = first.branches.filter((_, branch) => accepts(choosing(schemas, first.pointer, branch), value, compiler));
  return first.isExclusive ? holding.length === 1 : holding.length > 0;
}

/** Kind of a JSON value. */
export function kindOf(value: unknown): Kind {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  const kind = typeof value;
  return kind === "boolean" || kind === "number" || kind === "string" ? kind : "object";
}

/** Whether a value fits what is said of its kind; alternatives are not looked at. */
function fits(shape: Shape, value: unknown, compiler: Compiler): boolean {
  if (!shape.kinds.has(kindOf(value))) return false;
  if (typeof value === "number") return fitsNumber(shape, value);
  if (typeof value === "string") return fitsString(shape, value, compiler);
  if (Array.isArray(value)) return fitsArray(shape, value, compiler);
  return isJsonObject(value) ? fitsObject(shape, value, compiler) : true;
}

function fitsNumber({ low, high, multiples, isInteger }: Shape, value: number): boolean {
  if (isInteger && !Number.isInteger(value)) return false;
  if (low !== undefined && (low.isExclusive ? value <= low.value : value < low.value)) return false;
  if (high !== undefined && (high.isExclusive ? value >= high.value : value > high.value)) return false;
  return multiples.every(({ value: multiple }) => Number.isInteger(value / multiple));
}

function fitsString({ minLength, maxLength, patterns, formats }: Shape, value: string, { text }: Compiler): boolean {
  const length = Array.from(value).length;
  if (length < minLength || length > maxLength) return false;
  const [untested] = [...patterns, ...formats];
  if (untested !== undefined) throw text.unsupported(untested.pointer, "cannot be joined with values that are told one by one");
  return true;
}

function fitsArray(shape: Shape, value: readonly unknown[], compiler: Compiler): boolean {
  if (shape.unique !== undefined) throw compiler.text.unsupported(shape.unique, "a grammar cannot tell that items differ");
  if (value.length < shape.minItems || value.length > shape.maxItems) return false;
  return value.every((item, index) => acceptsAll(itemNodes(shape, index), item, compiler));
}

function fitsObject(shape: Shape, value: Readonly<Record<string, unknown>>, compiler: Compiler): boolean {
  const names = Object.keys(value);
  if (names.length < (shape.minProperties?.value ?? 0) || names.length > (shape.maxProperties?.value ?? Infinity)) return false;
  if ([...shape.required].some((name) => !Object.hasOwn(value, name))) return false;
  return names.every((name) => acceptsAll(memberNodes(shape, name), value[name], compiler));
}

function acceptsAll(nodes: readonly SchemaNode[], value: unknown, compiler: Compiler): boolean {
  return accepts(together(nodes), value, compiler);
}
