import { choice, nothing, sequence, set, text, type Expression, type Range } from "./expression.ts";
import { jsonString, plainRanges } from "./json.ts";
import type { RuleBook } from "./rule-book.ts";

/** No longer names are made up; those that a schema names may be. */
const mostNameLength = 128;

/** JSON of a name of a member that is none of some names. It is written without escapes, so that it has one spelling. */
export function otherName(names: readonly string[], book: RuleBook): Expression {
  if (names.length === 0) return book.shared(jsonString(book, 0, mostNameLength));
  const anything = book.times(set(...plainRanges), 0, mostNameLength);
  return sequence(
    text('"'),
    other(
      names.map((name) => Array.from(name)),
      anything,
      book,
    ),
    text('"'),
  );
}

/** What is none of some names: it leaves the tree of their characters somewhere. */
function other(names: readonly (readonly string[])[], anything: Expression, book: RuleBook): Expression {
  const isName = names.some((name) => name.length === 0);
  const groups = Map.groupBy(
    names.filter((name) => name.length > 0),
    ([first]) => first ?? "",
  );
  const taken = [...groups.keys()].map((character) => character.codePointAt(0) ?? 0);
  const ways = [...groups]
    .filter(([character]) => isPlain(character))
    .map(([character, group]) =>
      sequence(
        text(character),
        book.shared(
          other(
            group.map((name) => name.slice(1)),
            anything,
            book,
          ),
        ),
      ),
    );
  return choice(sequence(set(...without(plainRanges, taken)), anything), ...ways, ...(isName ? [] : [nothing]));
}

function isPlain(character: string): boolean {
  const codePoint = character.codePointAt(0) ?? 0;
  return plainRanges.some(([first, last]) => codePoint >= first && codePoint <= last);
}

/** Ranges without some code points. */
function without(ranges: readonly Range[], codePoints: readonly number[]): Range[] {
  return codePoints
    .reduce<readonly Range[]>(
      (left, codePoint) =>
        left.flatMap(([first, last]): Range[] => {
          if (codePoint < first || codePoint > last) return [[first, last]];
          return (
            [
              [first, codePoint - 1],
              [codePoint + 1, last],
            ] as const
          ).filter(([from, to]) => from <= to);
        }),
      ranges,
    )
    .slice();
}
