import { expect, it } from "vitest";
import { text } from "../../core/events.ts";
import { userRequest } from "../../testing/sample-request.ts";
import { told } from "./told.ts";

function tokensOf(pieces: readonly string[]): number {
  const noted = told(userRequest("hi"));
  for (const piece of pieces) noted.take(text(0, piece));
  return noted.textTokens();
}

const words = "One stormy night, a lone lighthouse keeper named Eira stood at the edge of the sea. "; // 84 characters, 19 tokens
const cut = (length: number) => words.match(new RegExp(`[^]{1,${length}}`, "gu")) ?? [];

it.each([
  ["tokens, where pieces are words", words.match(/\s?\S+/gu) ?? [], 16],
  ["no more than words have, where pieces are characters", cut(1), 16],
  ["no more than words have, where pieces are cut by length", cut(4), 16],
  ["by length, where pieces are long", cut(42), 21],
  [
    "pieces, where each is a character of a script of many",
    "一二三四五，六七".split("").map((piece, index) => piece.repeat(1 + (index % 2))),
    8,
  ],
  ["not a few short pieces for cut ones", ["a ", "b ", "c "], 3],
])("an answer's tokens are counted as %s", (_name, pieces, tokens) => {
  expect(tokensOf(pieces)).toBe(tokens);
});
