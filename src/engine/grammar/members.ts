import type { Compiler } from "./compiler.ts";
import { choice, never, nothing, optional, sequence, text, type Expression } from "./expression.ts";
import { colon, comma } from "./json.ts";
import { otherName } from "./names.ts";
import { additionalNodes, memberNames, memberNodes, writesAdditional, type Shape } from "./shape.ts";

/**
 * JSON of an object of a shape: members in the order of the schema, those that are not required present or not.
 * At each place there are two rules: what follows a member (`rest`), and what follows a comma (`more`), so that it grows with the number of members and not with that of their choices.
 */
export function memberObject(shape: Shape, compiler: Compiler): Expression {
  const { book } = compiler;
  const names = memberNames(shape);
  const most = mostAdditional(shape, names, compiler);
  const additional = most > 0 ? additionalMember(shape, names, compiler) : never;
  let rest: Expression = book.times(sequence(comma, additional), 0, most);
  let more: Expression = sequence(additional, book.times(sequence(comma, additional), 0, most - 1));
  let isOpen = true;
  for (const name of names.toReversed()) {
    const isRequired = shape.required.has(name);
    const member = sequence(text(JSON.stringify(name)), colon, compiler.valueOf(memberNodes(shape, name)), rest);
    more = book.shared(isRequired ? member : choice(member, more));
    isOpen &&= !isRequired;
    rest = isOpen ? optional(sequence(comma, more)) : sequence(comma, more);
  }
  const canBeEmpty = isOpen && isNone(shape.minProperties?.value);
  return sequence(text("{"), canBeEmpty ? choice(more, nothing) : more, text("}"));
}

function isNone(count: number | undefined): boolean {
  return count === undefined || count === 0;
}

/** Longest name that other names are told from. */
const longestName = 256;

/** A member that no schema names, where such are written. */
function additionalMember(shape: Shape, names: readonly string[], compiler: Compiler): Expression {
  if (!writesAdditional(shape)) return never;
  if (names.some((name) => name.length > longestName)) {
    const pointer = shape.members.find(({ additional }) => additional !== undefined)?.additional?.pointer ?? "#";
    throw compiler.text.unsupported(pointer, `other names are told only from names of at most ${longestName} characters`);
  }
  return sequence(otherName(names, compiler.book), colon, compiler.valueOf(additionalNodes(shape)));
}

/** How many members may be written that no schema names; a name that is written twice counts once, so that only a most can be kept. */
function mostAdditional(shape: Shape, names: readonly string[], { text: source }: Compiler): number {
  const { minProperties, maxProperties, required } = shape;
  if (minProperties !== undefined && minProperties.value > Math.max(1, required.size))
    throw source.unsupported(minProperties.pointer, "a grammar cannot count members: say which are required");
  if (maxProperties === undefined) return Infinity;
  if (maxProperties.value < names.length)
    throw source.unsupported(maxProperties.pointer, "a grammar cannot choose among members: say no more properties than there may be");
  return maxProperties.value - names.length;
}
