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

/** A place in a grammar that moves on. */
interface Cursor {
  at: number;
  match(pattern: RegExp): RegExpExecArray | undefined;
  takes(word: string): boolean;
  error(what: string): GbnfError;
}

function cursorOf(source: string): Cursor {
  return {
    at: 0,
    match(pattern) {
      pattern.lastIndex = this.at;
      const found = pattern.exec(source) ?? undefined;
      this.at += found?.[0].length ?? 0;
      return found;
    },
    takes(word) {
      if (!source.startsWith(word, this.at)) return false;
      this.at += word.length;
      return true;
    },
    error(what) {
      return new GbnfError(`line ${source.slice(0, this.at).split("\n").length}: ${what}`);
    },
  };
}

/** The words of a grammar from its beginning. */
export function gbnfWords(source: string): GbnfWords {
  const cursor = cursorOf(source);
  const takes = (word: string) => cursor.takes(word);
  const expect = (word: string) => {
    if (!takes(word)) throw cursor.error(`expects ${word}`);
  };
  return {
    get isAtEnd() {
      return cursor.at >= source.length;
    },
    peek: () => source[cursor.at] ?? "",
    takes,
    expect,
    space: (isOverLines) => void cursor.match(isOverLines ? /(?:[ \t\r\n]|#[^\r\n]*)*/y : /(?:[ \t]|#[^\r\n]*)*/y),
    name() {
      const found = cursor.match(/[0-9A-Za-z-]+/y);
      if (found === undefined) throw cursor.error("expects the name of a rule");
      return found[0];
    },
    quoted() {
      expect('"');
      let quoted = "";
      while (!takes('"')) quoted += String.fromCodePoint(character(cursor));
      if (quoted.includes("\0") || !quoted.isWellFormed()) throw cursor.error("names a character that no text has");
      return quoted;
    },
    characters() {
      expect("[");
      const isNegated = takes("^");
      const ranges: Range[] = [];
      while (!takes("]")) ranges.push(rangeOf(cursor));
      if (ranges.length === 0) throw cursor.error("has brackets without a character");
      return { ranges, isNegated };
    },
    times: (isOverLines) => timesOf(cursor, isOverLines),
    endOfRule() {
      if (cursor.at < source.length && cursor.match(/\r\n|\r|\n/y) === undefined) throw cursor.error("expects the end of the rule");
    },
    error: (what) => cursor.error(what),
  };
}

function character(cursor: Cursor): number {
  const found = cursor.match(escape);
  if (found !== undefined) return escaped(found, cursor);
  const plain = cursor.match(/[^\\\0]/suy);
  if (plain === undefined) throw cursor.error("ends too early, or has an escape that is not known");
  return plain[0].codePointAt(0) ?? 0;
}

function rangeOf(cursor: Cursor): Range {
  const first = character(cursor);
  if (cursor.match(/-(?!\])/y) === undefined) return [first, first];
  const last = character(cursor);
  if (last < first) throw cursor.error("has a range that ends before it begins");
  return [first, last];
}

function timesOf(cursor: Cursor, isOverLines: boolean): Times | undefined {
  if (cursor.takes("*")) return { min: 0, max: Infinity };
  if (cursor.takes("+")) return { min: 1, max: Infinity };
  if (cursor.takes("?")) return { min: 0, max: 1 };
  if (!cursor.takes("{")) return undefined;
  const pattern = isOverLines ? /\s*(\d{1,9})\s*(,\s*(\d{0,9})\s*)?\}/y : /[ \t]*(\d{1,9})[ \t]*(,[ \t]*(\d{0,9})[ \t]*)?\}/y;
  const found = cursor.match(pattern);
  if (found === undefined) throw cursor.error("has a repetition that is none");
  const min = Number(found[1]);
  return { min, max: found[2] === undefined ? min : found[3] === "" ? Infinity : Number(found[3]) };
}

function escaped([, two, four, eight, short]: RegExpExecArray, cursor: Cursor): number {
  if (short !== undefined) return (shortEscapes[short] ?? short).codePointAt(0) ?? 0;
  const codePoint = Number.parseInt(two ?? four ?? eight ?? "", 16);
  if (codePoint > 0x10ffff) throw cursor.error("names a character that no text has");
  return codePoint;
}
