import type { LlamaModel } from "node-llama-cpp";
import { never, printed, rebuilt, type Expression, type Range } from "../grammar/expression.ts";
import { parsedGbnf } from "../grammar/gbnf.ts";
import { common } from "../grammar/ranges.ts";
import { ruleBook } from "../grammar/rule-book.ts";
import { tokenBytes } from "../tokens/token-bytes.ts";

/**
 * A grammar without what a model has no tokens for; undefined: nothing is left.
 * Some vocabularies lack bytes, such as those that begin rare planes of Unicode. Where only such a one is allowed next, the library fails outside of every promise, which ends the process.
 */
export function writableGrammar(model: LlamaModel, gbnf: string): string | undefined {
  const writable = writableRanges(model);
  if (writable === "all") return gbnf;
  const rules = parsedGbnf(gbnf);
  let isWhole = true;
  const cut = (expression: Expression): Expression => {
    if (isWritable(expression, writable)) return rebuilt(expression, cut);
    isWhole = false;
    return never;
  };
  const book = ruleBook("w");
  for (const [name, expression] of rules) book.tell(name, cut(expression));
  if (isWhole) return gbnf;
  const left = book.finish("root");
  return left === undefined ? undefined : [...left].map(([name, expression]) => `${name} ::= ${printed(expression)}\n`).join("");
}

function isWritable(expression: Expression, writable: readonly Range[]): boolean {
  if (expression.kind === "set") return common(expression.ranges, writable).length > 0;
  if (expression.kind !== "text") return true;
  return Array.from(expression.text, (character) => character.codePointAt(0) ?? 0).every((codePoint) =>
    writable.some(([first, last]) => codePoint >= first && codePoint <= last),
  );
}

const known = new WeakMap<LlamaModel, readonly Range[] | "all">();

/** Characters that a model can write; looked for once a model. */
function writableRanges(model: LlamaModel): readonly Range[] | "all" {
  const ranges = known.get(model) ?? find(model);
  known.set(model, ranges);
  return ranges;
}

/** Longest text in a vocabulary of what is one byte or one character: `<0x0A>`. */
const longestText = 6;

function find(model: LlamaModel): readonly Range[] | "all" {
  const bytes = new Uint8Array(256);
  const characters = new Set<number>();
  for (const written of shortTokens(model)) {
    if (written.length === 1) bytes.set([1], written[0]);
    const [character, second] = written.toString();
    if (character !== undefined && second === undefined) characters.add(character.codePointAt(0) ?? 0);
  }
  if (bytes.every((isThere, byte) => isThere === 1 || isInNoText(byte))) return "all";
  return rangesWhere((codePoint) => hasBytes(bytes, codePoint) || characters.has(codePoint));
}

/** Bytes of every token that is no more than a character. */
function* shortTokens(model: LlamaModel): Generator<Buffer> {
  const texts = model.fileInfo.metadata.tokenizer?.ggml?.tokens ?? [];
  for (const token of model.iterateAllTokens()) if ((texts[token] ?? "").length <= longestText) yield tokenBytes(model, token);
}

/** Bytes that no text in UTF-8 has. */
function isInNoText(byte: number): boolean {
  return byte === 0 || byte === 0xc0 || byte === 0xc1 || byte >= 0xf5;
}

function rangesWhere(isIn: (codePoint: number) => boolean): readonly Range[] {
  const ranges: [number, number][] = [];
  for (let codePoint = 1; codePoint <= 0x10ffff; codePoint++) {
    if (!isIn(codePoint)) continue;
    const last = ranges.at(-1);
    if (last?.[1] === codePoint - 1) last[1] = codePoint;
    else ranges.push([codePoint, codePoint]);
  }
  return ranges;
}

/** Whether all bytes of a character's UTF-8 are there. */
function hasBytes(bytes: Uint8Array, codePoint: number): boolean {
  const follows = (shift: number) => bytes[0x80 | ((codePoint >> shift) & 0x3f)] === 1;
  if (codePoint < 0x80) return bytes[codePoint] === 1;
  if (codePoint < 0x800) return bytes[0xc0 | (codePoint >> 6)] === 1 && follows(0);
  if (codePoint < 0x10000) return bytes[0xe0 | (codePoint >> 12)] === 1 && follows(6) && follows(0);
  return bytes[0xf0 | (codePoint >> 18)] === 1 && follows(12) && follows(6) && follows(0);
}
