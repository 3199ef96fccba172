import { choice, repeat, rule, sequence, set, text, type Expression, type Range } from "../grammar/expression.ts";

const lexeme = /\s*(?:"((?:[^"\\]|\\[^])*)"|\[((?:[^\]\\]|\\[^])*)\]|(\{\d+(?:,\d*)?\}|[()|*+?])|([A-Za-z][A-Za-z0-9-]*))/y;
const escapes = /\\(?:x([0-9A-F]{2})|u([0-9A-F]{4})|U([0-9A-F]{8})|(.))|([^\\])/gu;

/** Reads a rule as our own compiler prints it: not all of GBNF. Throws for anything else. */
export function readRule(gbnf: string): Expression {
  const words: Word[] = [];
  lexeme.lastIndex = 0;
  while (lexeme.lastIndex < gbnf.length) {
    const [, quoted, ranges, mark, name] = lexeme.exec(gbnf) ?? [];
    if (quoted !== undefined) words.push(text(codePoints(quoted).join("")));
    else if (ranges !== undefined) words.push(set(...rangesOf(codePoints(ranges, true))));
    else if (name !== undefined) words.push(rule(name));
    else if (mark !== undefined) words.push(mark);
    else throw new Error("this is no rule of our own");
  }
  const read = choices(words, 0);
  if (read.at !== words.length) throw new Error("this rule has a bracket too many");
  return read.expression;
}

type Word = Expression | string;

interface ReadTo {
  readonly expression: Expression;
  readonly at: number;
}

function choices(words: readonly Word[], from: number): ReadTo {
  const items: Expression[] = [];
  let at = from;
  for (;;) {
    const read = sequenceOf(words, at);
    items.push(read.expression);
    at = read.at;
    if (words[at] !== "|") return { expression: choice(...items), at };
    at++;
  }
}

function sequenceOf(words: readonly Word[], from: number): ReadTo {
  const items: Expression[] = [];
  let at = from;
  for (let word = words[at]; word !== undefined && word !== "|" && word !== ")"; word = words[at]) {
    at++;
    if (word === "(") {
      const inner = choices(words, at);
      items.push(inner.expression);
      at = inner.at + 1;
    } else if (typeof word === "string") {
      const last = items.pop();
      if (last === undefined) throw new Error("nothing stands before a repetition");
      items.push(repeat(last, ...times(word)));
    } else items.push(word);
  }
  return { expression: sequence(...items), at };
}

function times(mark: string): [min: number, max: number] {
  if (mark === "?") return [0, 1];
  if (mark === "*") return [0, Infinity];
  if (mark === "+") return [1, Infinity];
  const [min = "0", max] = mark.slice(1, -1).split(",");
  return [Number(min), max === undefined ? Number(min) : max === "" ? Infinity : Number(max)];
}

/** The characters of a text or set; in a set a bare `-` is the mark of a range, told as such by an empty text. */
function codePoints(source: string, isSet = false): string[] {
  return [...source.matchAll(escapes)].map(([, x, u, U, other, plain]) => {
    const hex = x ?? u ?? U;
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
    return isSet && plain === "-" ? "" : (other ?? plain ?? "");
  });
}

function rangesOf(characters: readonly string[]): Range[] {
  const ranges: Range[] = [];
  for (let at = 0; at < characters.length; at++) {
    const first = characters[at]?.codePointAt(0) ?? 0;
    const isRange = characters[at + 1] === "";
    const last = isRange ? (characters[at + 2]?.codePointAt(0) ?? 0) : first;
    ranges.push([first, last]);
    if (isRange) at += 2;
  }
  return ranges;
}
