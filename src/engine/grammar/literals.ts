import { choice, never, nothing, sequence, text, type Expression } from "./expression.ts";
import type { RuleBook } from "./rule-book.ts";

/** JSON of one of some values. Texts that begin alike are written together as far as they go, so that a model is never kept waiting for one of hundreds. */
export function literals(values: readonly unknown[], book: RuleBook): Expression {
  return tree([...new Set(values.map((value) => JSON.stringify(value)))].toSorted(), book);
}

/** `texts` are sorted and differ. */
function tree(texts: readonly string[], book: RuleBook): Expression {
  const [first] = texts;
  const last = texts.at(-1);
  if (first === undefined || last === undefined) return never;
  const common = commonLength(first, last);
  const rests = texts.map((each) => each.slice(common));
  const isEnd = rests[0] === "";
  const groups = Map.groupBy(isEnd ? rests.slice(1) : rests, (rest) => String.fromCodePoint(rest.codePointAt(0) ?? 0));
  if (groups.size === 0) return text(first);
  const branches = [...groups.values()].map((group) => book.shared(tree(group, book)));
  return sequence(text(first.slice(0, common)), choice(...branches, ...(isEnd ? [nothing] : [])));
}

/** How many code units two texts have in common; never half of a surrogate pair. */
function commonLength(one: string, other: string): number {
  let length = 0;
  while (length < one.length && one[length] === other[length]) length++;
  const isHalf = /[\uD800-\uDBFF]/.test(one[length - 1] ?? "");
  return isHalf ? length - 1 : length;
}
