import type { Compiler } from "./compiler.ts";
import { never, nothing, optional, repeat, sequence, text, type Expression } from "./expression.ts";
import { comma } from "./json.ts";
import { itemNodes, prefixLength, restNodes, type Shape } from "./shape.ts";

/** JSON of a list of a shape. */
export function itemList(shape: Shape, compiler: Compiler): Expression {
  const { minItems, maxItems } = shape;
  if (minItems > maxItems) return never;
  if (shape.unique !== undefined && maxItems > 1) throw compiler.text.unsupported(shape.unique, "a grammar cannot tell that items differ");
  const prefix = Math.min(prefixLength(shape), maxItems);
  return sequence(text("["), items(shape, prefix, compiler), text("]"));
}

/** From the last item of the prefix to the first: each with all that may follow it. */
function items(shape: Shape, prefix: number, compiler: Compiler): Expression {
  const { book } = compiler;
  const { minItems, maxItems } = shape;
  const rest = compiler.valueOf(restNodes(shape));
  const more = { min: Math.max(0, minItems - prefix), max: maxItems - prefix };
  if (prefix === 0) return orNothing(minItems, listOf(rest, more, compiler));
  let tail = book.times(sequence(comma, rest), more.min, more.max);
  for (let index = prefix - 1; index >= 0; index--) {
    const item = sequence(index === 0 ? nothing : comma, compiler.valueOf(itemNodes(shape, index)), book.shared(tail));
    tail = index < minItems ? item : optional(book.shared(item));
  }
  return tail;
}

function listOf(item: Expression, { min, max }: { readonly min: number; readonly max: number }, { book }: Compiler): Expression {
  if (max === 0) return nothing;
  return sequence(item, book.times(sequence(comma, item), Math.max(0, min - 1), max - 1));
}

function orNothing(min: number, some: Expression): Expression {
  return min === 0 ? repeat(some, 0, 1) : some;
}
