import { choice, repeat, rule, sequence, text, type Expression } from "./expression.ts";
import { gbnfWords, type GbnfWords, type Times } from "./gbnf-words.ts";
import { common, everything, inTexts, others } from "./ranges.ts";

/** Most groups inside one another. */
const mostNesting = 200;
/** Most times that something is repeated: llama.cpp takes more for unbounded. */
const mostRepetitions = 2000;

/** Reads GBNF as llama.cpp does. Throws GbnfError for all that llama.cpp would refuse, and for rules of tokens (`<...>`), empty brackets and rules that are told twice. */
export function parsedGbnf(source: string): Map<string, Expression> {
  const words = gbnfWords(source);
  const rules = new Map<string, Expression>();
  words.space(true);
  while (!words.isAtEnd) {
    const name = words.name();
    words.space(false);
    words.expect("::=");
    words.space(true);
    if (rules.has(name)) throw words.error("tells a rule for the second time");
    rules.set(name, alternatives(words, 0));
    words.endOfRule();
    words.space(true);
  }
  return rules;
}

function alternatives(words: GbnfWords, nesting: number): Expression {
  if (nesting > mostNesting) throw words.error(`groups stand more than ${mostNesting} deep in one another`);
  const rows = [row(words, nesting)];
  while (words.takes("|")) {
    words.space(true);
    rows.push(row(words, nesting));
  }
  return choice(...rows);
}

function row(words: GbnfWords, nesting: number): Expression {
  const items: Expression[] = [];
  for (let item = atom(words, nesting); item !== undefined; item = atom(words, nesting)) {
    words.space(nesting > 0);
    for (let times = words.times(nesting > 0); times !== undefined; times = words.times(nesting > 0)) {
      item = repeated(item, times, words);
      words.space(nesting > 0);
    }
    items.push(item);
  }
  return sequence(...items);
}

function repeated(item: Expression, { min, max }: Times, words: GbnfWords): Expression {
  if (max < min) throw words.error("has a repetition that ends before it begins");
  if (min > mostRepetitions || (max > mostRepetitions && max !== Infinity))
    throw words.error(`repeats something more than ${mostRepetitions} times`);
  return repeat(item, min, max);
}

function atom(words: GbnfWords, nesting: number): Expression | undefined {
  const next = words.peek();
  if (next === '"') return text(words.quoted());
  if (next === "[") return characters(words);
  if (words.takes(".")) return { kind: "set", ranges: everything };
  if (next === "<" || next === "!") throw words.error("names a token: only texts can be told");
  if (next === "(") return group(words, nesting);
  return /[0-9A-Za-z-]/.test(next) ? rule(words.name()) : undefined;
}

function group(words: GbnfWords, nesting: number): Expression {
  words.expect("(");
  words.space(true);
  const inner = alternatives(words, nesting + 1);
  words.expect(")");
  return inner;
}

function characters(words: GbnfWords): Expression {
  const { ranges, isNegated } = words.characters();
  const told = isNegated ? others(ranges) : ranges;
  // llama.cpp would find no token to go on with, which ends the process.
  if (common(told, inTexts).length === 0) throw words.error("has brackets without a character that a text may have");
  return { kind: "set", ranges: told };
}
