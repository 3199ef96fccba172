import type { Range } from "./expression.ts";

/** The last character there is. */
const lastCodePoint = 0x10ffff;

/** Every character. */
export const everything: readonly Range[] = [[0, lastCodePoint]];

/** Every character that an answer may have: not the one that ends texts in C, and no half of a surrogate pair. */
export const inTexts: readonly Range[] = [
  [1, 0xd7ff],
  [0xe000, lastCodePoint],
];

/** The same characters in ranges that are sorted and do not touch. */
export function tidied(ranges: readonly Range[]): Range[] {
  const tidy: [number, number][] = [];
  for (const [first, last] of ranges.toSorted(([one], [other]) => one - other)) {
    const before = tidy.at(-1);
    if (before !== undefined && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else tidy.push([first, last]);
  }
  return tidy;
}

/** All characters but these. */
export function others(ranges: readonly Range[]): Range[] {
  const left: Range[] = [];
  let from = 0;
  for (const [first, last] of tidied(ranges)) {
    if (first > from) left.push([from, first - 1]);
    from = last + 1;
  }
  return from <= lastCodePoint ? [...left, [from, lastCodePoint]] : left;
}

/** Characters that are in both. */
export function common(one: readonly Range[], other: readonly Range[]): Range[] {
  return one.flatMap(([first, last]) =>
    other.flatMap(([from, to]): Range[] =>
      Math.max(first, from) <= Math.min(last, to) ? [[Math.max(first, from), Math.min(last, to)]] : [],
    ),
  );
}

/** A range of one character. */
export function single(character: string): Range {
  const codePoint = character.codePointAt(0) ?? 0;
  return [codePoint, codePoint];
}
