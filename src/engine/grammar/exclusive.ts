import { accepts, kindOf } from "./accepts.ts";
import type { Compiler } from "./compiler.ts";
import { choosing, together, type Together } from "./merge.ts";
import type { SchemaNode } from "./schema-text.ts";
import { itemNodes, memberNames, memberNodes, writesAdditional, writtenKinds, type Alternatives, type Kind, type Shape } from "./shape.ts";

/** Refuses alternatives of which at most one may hold unless each of their branches writes only what no other allows. */
export function checkExclusive(schemas: Together, { branches, pointer }: Alternatives, compiler: Compiler): void {
  branches.forEach((_, index) => {
    const written = choosing(schemas, pointer, index);
    const other = branches.findIndex((branch, at) => at !== index && !isApart(written, together([branch]), { compiler, depth: 0 }));
    if (other >= 0)
      throw compiler.text.unsupported(
        pointer,
        `its schemas ${index} and ${other} may both hold: say anyOf, or make them differ by type, a required constant or ranges`,
      );
  });
}

interface Context {
  readonly compiler: Compiler;
  readonly depth: number;
}

/** Alternatives and members inside one another that are looked into. */
const mostDepth = 4;

/** Whether nothing that is written for the one is valid for the other; false when that cannot be told. */
function isApart(written: Together, other: Together, { compiler, depth }: Context): boolean {
  compiler.spend(1);
  if (depth > mostDepth) return false;
  const context = { compiler, depth: depth + 1 };
  const one = compiler.shapeOf(written);
  const two = compiler.shapeOf(other);
  if (areShapesApart({ written, one, other, two }, context)) return true;
  return (
    isEachApart(one, (pointer, branch) => isApart(choosing(written, pointer, branch), other, context)) ||
    isEachApart(two, (pointer, branch) => isApart(written, choosing(other, pointer, branch), context))
  );
}

function isEachApart({ alternatives: [first] }: Shape, isBranchApart: (pointer: string, branch: number) => boolean): boolean {
  return first !== undefined && first.branches.every((_, branch) => isBranchApart(first.pointer, branch));
}

interface Pair {
  readonly written: Together;
  readonly one: Shape;
  readonly other: Together;
  readonly two: Shape;
}

function areShapesApart({ written, one, other, two }: Pair, context: Context): boolean {
  const { compiler } = context;
  if (one.values !== undefined) return one.values.every((value) => !accepts(other, value, compiler) || !accepts(written, value, compiler));
  if (two.values !== undefined)
    return two.values.every(
      (value) => isUnwritten(one, kindOf(value)) || !accepts(written, value, compiler) || !accepts(other, value, compiler),
    );
  return writtenKinds(one).every((kind) => !two.kinds.has(kind) || isKindApart(kind, { one, two, context }));
}

function isUnwritten(shape: Shape, kind: Kind): boolean {
  return shape.alternatives.length === 0 && !writtenKinds(shape).includes(kind);
}

interface Shapes {
  readonly one: Shape;
  readonly two: Shape;
  readonly context: Context;
}

function isKindApart(kind: Kind, shapes: Shapes): boolean {
  const { one, two } = shapes;
  switch (kind) {
    case "number":
      return isBelow(one, two) || isBelow(two, one);
    case "string":
      return one.maxLength < two.minLength || two.maxLength < one.minLength;
    case "array":
      return one.maxItems < two.minItems || two.maxItems < one.minItems || isSomeItemApart(shapes);
    case "object":
      return isSomeMemberApart(shapes);
    default:
      return false;
  }
}

function isBelow({ high }: Shape, { low }: Shape): boolean {
  if (high === undefined || low === undefined) return false;
  return high.value < low.value || (high.value === low.value && (high.isExclusive || low.isExclusive));
}

function isSomeItemApart({ one, two, context }: Shapes): boolean {
  const looked = Math.min(one.minItems, 16);
  return Array.from({ length: looked }, (_, index) => index).some((index) =>
    areApart(itemNodes(one, index), itemNodes(two, index), context),
  );
}

/** By a member that is always written and not valid there, or one that is required there and never written. */
function isSomeMemberApart({ one, two, context }: Shapes): boolean {
  if ([...one.required].some((name) => areApart(memberNodes(one, name), memberNodes(two, name), context))) return true;
  if (one.alternatives.length > 0 || writesAdditional(one)) return false;
  const names = new Set(memberNames(one));
  return [...two.required].some((name) => !names.has(name));
}

function areApart(one: readonly SchemaNode[], two: readonly SchemaNode[], context: Context): boolean {
  return isApart(together(one), together(two), context);
}
