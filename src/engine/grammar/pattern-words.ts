import type { Range } from "./expression.ts";
import { others, single } from "./ranges.ts";

/** What stands in a pattern that a grammar cannot express. */
export class PatternError extends Error {}

/** How often something is repeated; `max` may be Infinity. */
export interface Times {
  readonly min: number;
  readonly max: number;
}

/** Reads the words of a pattern, which is known to be a regular expression of JavaScript with the flag `u`. */
export interface PatternWords {
  readonly isAtEnd: boolean;
  /** The next character; "" at the end. */
  peek(): string;
  /** Goes past a text if it is next, and tells whether it was. */
  takes(word: string): boolean;
  /** Goes past `(` and what says the kind of a group. */
  group(): void;
  /** One character or class of characters. */
  characters(): readonly Range[];
  /** What repeats the item before, if anything does. */
  times(): Times | undefined;
}

const digits: readonly Range[] = [[0x30, 0x39]];
const word: readonly Range[] = [...digits, [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]];
const white: readonly Range[] = [
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
];
const lineEnds: readonly Range[] = [
  [0x0a, 0x0a],
  [0x0d, 0x0d],
  [0x2028, 0x2029],
];

const classes: ReadonlyMap<string, readonly Range[]> = new Map([
  ["d", digits],
  ["D", others(digits)],
  ["w", word],
  ["W", others(word)],
  ["s", white],
  ["S", others(white)],
]);

const controls: ReadonlyMap<string, number> = new Map([
  ["t", 0x09],
  ["n", 0x0a],
  ["v", 0x0b],
  ["f", 0x0c],
  ["r", 0x0d],
  ["0", 0x00],
]);

/** The words of a pattern from its beginning. Throws PatternError at what is not known. */
export function patternWords(source: string): PatternWords {
  let at = 0;
  const takes = (next: string) => {
    if (!source.startsWith(next, at)) return false;
    at += next.length;
    return true;
  };
  const match = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(source) ?? undefined;
    at += found?.[0].length ?? 0;
    return found;
  };
  return {
    get isAtEnd() {
      return at >= source.length;
    },
    peek: () => source[at] ?? "",
    takes,
    group() {
      if (match(/\((?:\?:|\?<[\w$]+>|(?!\?))/y) === undefined) throw new PatternError("looks around itself, or has flags of its own");
    },
    characters: () => (takes(".") ? others(lineEnds) : takes("[") ? bracketed(takes, match) : oneOrClass(match)),
    times() {
      const found = match(/(?:[*+?]|\{(\d{1,9})(,(\d{0,9}))?\})\??/y);
      return found === undefined ? undefined : timesOf(found);
    },
  };
}

function timesOf([whole, min, comma, max]: RegExpExecArray): Times {
  if (min !== undefined) return { min: Number(min), max: comma === undefined ? Number(min) : max === "" ? Infinity : Number(max) };
  return { min: whole.startsWith("+") ? 1 : 0, max: whole.startsWith("?") ? 1 : Infinity };
}

type Match = (pattern: RegExp) => RegExpExecArray | undefined;

function bracketed(takes: (next: string) => boolean, match: Match): readonly Range[] {
  const isNegated = takes("^");
  const ranges: Range[] = [];
  while (!takes("]")) {
    const first = oneOrClass(match);
    // A hyphen before the end, or after a class, stands for itself.
    const hasEnd = match(/-(?!\])/y) !== undefined;
    ranges.push(...(hasEnd ? [[lowestOf(first), highestOf(oneOrClass(match))] as const] : first));
  }
  return isNegated ? others(ranges) : ranges;
}

function lowestOf(ranges: readonly Range[]): number {
  return ranges[0]?.[0] ?? 0;
}

function highestOf(ranges: readonly Range[]): number {
  return ranges.at(-1)?.[1] ?? 0;
}

/** A character, an escaped one, or one of the classes that have a letter. */
function oneOrClass(match: Match): readonly Range[] {
  const plain = match(/[^\\]/uy);
  if (plain !== undefined) return [single(plain[0])];
  const number = numbered(match);
  if (number !== undefined) return [codePoint(number)];
  const named = match(/\\([dDwWsStnvfr]|0(?!\d))/y)?.[1];
  if (named !== undefined) return classes.get(named) ?? [codePoint(controls.get(named) ?? 0)];
  const itself = match(/\\([\^$\\.*+?()[\]{}|/-])/y)?.[1];
  if (itself === undefined) throw new PatternError("has an escape that is not known: no \\b, \\B, \\p, \\k nor back references");
  return [single(itself)];
}

/** A character that is told by its number or as a control character. */
function numbered(match: Match): number | undefined {
  const hex = match(/\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|u\{([\da-fA-F]+)\})/y);
  if (hex !== undefined) return Number.parseInt(hex[1] ?? hex[2] ?? hex[3] ?? "", 16);
  const control = match(/\\c([A-Za-z])/y)?.[1];
  return control === undefined ? undefined : control.charCodeAt(0) % 32;
}

/** Half of a surrogate pair stands for no character of a text. */
function codePoint(value: number): Range {
  if (value >= 0xd800 && value <= 0xdfff) throw new PatternError("names half of a surrogate pair");
  return [value, value];
}
