import type { Range } from "./expression.ts";

/** What is wrong with a grammar; its message says where, and nothing of what stands there. */
export class GbnfError extends Error {}

/** How often something is repeated; `max` may be Infinity. */
export interface Times {
  readonly min: number;
  readonly max: number;
}

/** Reads the words of a grammar one after the other. */
export interface GbnfWords {
  readonly isAtEnd: boolean;
  /** The next character; "" at the end. */
  peek(): string;
  /** Goes past a text if it is next, and tells whether it was. */
  takes(word: string): boolean;
  expect(word: string): void;
  /** Skips blanks and comments, and ends of lines where a rule goes on over them. */
  space(isOverLines: boolean): void;
  name(): string;
  /** A text in quotes. */
  quoted(): string;
  /** Characters in brackets; `isNegated`: all others. */
  characters(): { readonly ranges: readonly Range[]; readonly isNegated: boolean };
  /** What repeats the item before, if anything does. */
  times(isOverLines: boolean): Times | undefined;
  endOfRule(): void;
  error(what: string): GbnfError;
}

const shortEscapes: Readonly<Record<string, string>> = { t: "\t", r: "\r", n: "\n" };
const escape = /\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([trn\\"[\]-]))/y;

/** The words of a grammar from its beginning. */
export function gbnfWords(source: string): GbnfWords {
  let at = 0;
  const error = (what: string) => new GbnfError(`line ${source.slice(0, at).split("\n").length}: ${what}`);
  const match = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(source) ?? undefined;
    at += found?.[0].length ?? 0;
    return found;
  };
  const takes = (word: string) => {
    if (!source.startsWith(word, at)) return false;
    at += word.length;
    return true;
  };
  const expect = (word: string) => {
    if (!takes(word)) throw error(`expects ${word}`);
  };
  const character = (): number => {
    const found = source[at] === "\\" ? match(escape) : undefined;
    if (found !== undefined) return escaped(found, error);
    const plain = source.codePointAt(at);
    if (plain === undefined || plain === 0) throw error("ends too early");
    if (plain === 0x5c) throw error("has an escape that is not known");
    at += plain > 0xffff ? 2 : 1;
    return plain;
  };
  return {
    get isAtEnd() {
      return at >= source.length;
    },
    peek: () => source[at] ?? "",
    takes,
    expect,
    space: (isOverLines) => void match(isOverLines ? /(?:[ \t\r\n]|#[^\r\n]*)*/y : /(?:[ \t]|#[^\r\n]*)*/y),
    name() {
      const found = match(/[0-9A-Za-z-]+/y);
      if (found === undefined) throw error("expects the name of a rule");
      return found[0];
    },
    quoted() {
      expect('"');
      let quoted = "";
      while (!takes('"')) quoted += String.fromCodePoint(character());
      if (quoted.includes("\0")) throw error("names a character that no text has");
      return quoted;
    },
    characters() {
      expect("[");
      const isNegated = takes("^");
      const ranges: Range[] = [];
      while (!takes("]")) {
        const first = character();
        const hasEnd = source[at] === "-" && source[at + 1] !== "]" && takes("-");
        const last = hasEnd ? character() : first;
        if (last < first) throw error("has a range that ends before it begins");
        ranges.push([first, last]);
      }
      if (ranges.length === 0) throw error("has brackets without a character");
      return { ranges, isNegated };
    },
    times(isOverLines) {
      if (takes("*")) return { min: 0, max: Infinity };
      if (takes("+")) return { min: 1, max: Infinity };
      if (takes("?")) return { min: 0, max: 1 };
      const blank = isOverLines ? "[ \\t\\r\\n]*" : "[ \\t]*";
      const found = match(new RegExp(`\\{${blank}(\\d{1,9})${blank}(,${blank}(\\d{0,9})${blank})?\\}`, "y"));
      if (found === undefined) {
        if (source[at] === "{") throw error("has a repetition that is none");
        return undefined;
      }
      const min = Number(found[1]);
      return { min, max: found[2] === undefined ? min : found[3] === "" ? Infinity : Number(found[3]) };
    },
    endOfRule() {
      if (at < source.length && match(/\r\n|\r|\n/y) === undefined) throw error("expects the end of the rule");
    },
    error,
  };
}

function escaped([, two, four, eight, short]: RegExpExecArray, error: (what: string) => GbnfError): number {
  if (short !== undefined) return (shortEscapes[short] ?? short).codePointAt(0) ?? 0;
  const codePoint = Number.parseInt(two ?? four ?? eight ?? "", 16);
  if (codePoint > 0x10ffff) throw error("names a character that no text has");
  return codePoint;
}
