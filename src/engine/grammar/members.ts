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
  checkCounts(shape, compiler);
  const { book } = compiler;
  const names = memberNames(shape);
  const additional = writesAdditional(shape) ? additionalMember(shape, names, compiler) : never;
  let rest: Expression = book.times(sequence(comma, additional), 0, Infinity);
  let more: Expression = sequence(additional, rest);
  let isOpen = true;
  for (const name of names.toReversed()) {
    const isRequired = shape.required.has(name);
    const member = sequence(text(JSON.stringify(name)), colon, compiler.valueOf(memberNodes(shape, name)), book.shared(rest));
    more = book.shared(isRequired ? member : choice(member, more));
    isOpen &&= !isRequired;
    rest = isOpen ? optional(book.shared(sequence(comma, more))) : sequence(comma, more);
  }
  return sequence(text("{"), isOpen ? choice(more, nothing) : more, text("}"));
}

/** Longest name that other names are told from. */
const longestName = 256;

function additionalMember(shape: Shape, names: readonly string[], compiler: Compiler): Expression {
  if (names.some((name) => name.length > longestName)) {
    const pointer = shape.members.find(({ additional }) => additional !== undefined)?.additional?.pointer ?? "#";
    throw compiler.text.unsupported(pointer, `other names are told only from names of at most ${longestName} characters`);
  }
  return sequence(otherName(names, compiler.book), colon, compiler.valueOf(additionalNodes(shape)));
}

/** Numbers of members are not counted: they must hold for every object that is written. */
function checkCounts(shape: Shape, { text: source }: Compiler): void {
  const { minProperties, maxProperties, required } = shape;
  const mostMembers = writesAdditional(shape) ? Infinity : memberNames(shape).length;
  if (minProperties !== undefined && minProperties.value > required.size)
    throw source.unsupported(minProperties.pointer, "a grammar cannot count members: say which are required");
  if (maxProperties !== undefined && maxProperties.value < mostMembers)
    throw source.unsupported(maxProperties.pointer, "a grammar cannot count members: say additionalProperties false, and which there are");
}
