import { choice, optional, repeat, sequence, set, text, type Expression, type Range } from "./expression.ts";
import type { RuleBook } from "./rule-book.ts";

/** How deep objects and lists may stand in one another where a schema says nothing of them. */
const freeDepth = 16;

const digit = set([0x30, 0x39]);
const hex = set([0x30, 0x39], [0x41, 0x46], [0x61, 0x66]);

/** After a comma or a colon: one space or none, so that no model can lose itself in white space. */
const gap: Expression = optional(text(" "));
/** Between two members. */
export const comma: Expression = sequence(text(","), gap);
/** Between a name and its value. */
export const colon: Expression = sequence(text(":"), gap);

/** What stands in a string as it is: all but quote, backslash, control characters and halves of surrogate pairs. */
export const plainRanges = [
  [0x20, 0x21],
  [0x23, 0x5b],
  [0x5d, 0xd7ff],
  [0xe000, 0x10ffff],
] as const;

/** One character of a string, however it is written; a surrogate pair is one, and never half of one. */
function stringCharacter(book: RuleBook): Expression {
  const unit = sequence(
    text("u"),
    choice(
      sequence(set([0x30, 0x39], [0x41, 0x43], [0x45, 0x46], [0x61, 0x63], [0x65, 0x66]), repeat(hex, 3, 3)),
      sequence(set([0x44, 0x44], [0x64, 0x64]), set([0x30, 0x37]), repeat(hex, 2, 2)),
      sequence(
        highHalf,
        repeat(hex, 2, 2),
        text("\\u"),
        set([0x44, 0x44], [0x64, 0x64]),
        set([0x43, 0x46], [0x63, 0x66]),
        repeat(hex, 2, 2),
      ),
    ),
  );
  const short = set(...Array.from('"/\\bfnrt', (each): Range => [each.codePointAt(0) ?? 0, each.codePointAt(0) ?? 0]));
  return book.shared(choice(set(...plainRanges), sequence(text("\\"), choice(short, book.shared(unit)))));
}

const highHalf = sequence(set([0x44, 0x44], [0x64, 0x64]), set([0x38, 0x39], [0x41, 0x42], [0x61, 0x62]));

/** A string of so many characters. */
export function jsonString(book: RuleBook, min = 0, max = Infinity): Expression {
  return sequence(text('"'), book.times(stringCharacter(book), min, max), text('"'));
}

/** An integer that a double holds exactly. */
export const jsonInteger: Expression = sequence(optional(text("-")), choice(text("0"), sequence(set([0x31, 0x39]), repeat(digit, 0, 14))));

/** Any number that a double holds. */
export const jsonNumber: Expression = sequence(
  jsonInteger,
  optional(sequence(text("."), repeat(digit, 1, 15))),
  optional(sequence(set([0x45, 0x45], [0x65, 0x65]), optional(set([0x2b, 0x2b], [0x2d, 0x2d])), repeat(digit, 1, 2))),
);

/** An object whose members are of one kind. */
function jsonMap(member: Expression, { min, max }: { readonly min: number; readonly max: number }, book: RuleBook): Expression {
  return sequence(text("{"), separated(member, { min, max }, book), text("}"));
}

/** A list whose items are of one kind. */
function jsonList(item: Expression, { min, max }: { readonly min: number; readonly max: number }, book: RuleBook): Expression {
  return sequence(text("["), separated(item, { min, max }, book), text("]"));
}

function separated(item: Expression, { min, max }: { readonly min: number; readonly max: number }, book: RuleBook): Expression {
  if (max === 0) return sequence();
  const some = sequence(item, book.times(sequence(comma, item), Math.max(0, min - 1), max - 1));
  return min === 0 ? optional(some) : some;
}

/** Any value, with objects and lists in one another to a depth. */
export function jsonValue(book: RuleBook, depth: number = freeDepth): Expression {
  const string = book.shared(jsonString(book));
  const flat = book.shared(choice(string, book.shared(jsonNumber), text("true"), text("false"), text("null")));
  let value = flat;
  const any = { min: 0, max: Infinity };
  for (let level = 0; level < depth; level++) {
    const member = book.shared(sequence(string, colon, value));
    value = book.shared(choice(flat, jsonMap(member, any, book), jsonList(value, any, book)));
  }
  return value;
}

/** Any object, with objects and lists in its values to a depth. */
export function jsonObject(book: RuleBook, depth: number = freeDepth): Expression {
  const member = book.shared(sequence(book.shared(jsonString(book)), colon, jsonValue(book, depth - 1)));
  return jsonMap(member, { min: 0, max: Infinity }, book);
}
