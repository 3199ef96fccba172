import { array, assert, constantFrom, property } from "fast-check";
import { describe, expect, it } from "vitest";
import { guardedPieces, type Mark } from "./guard.ts";
import { specialTexts } from "./special-texts.ts";

const special = specialTexts(["<|im_start|>", "<|im_end|>", "<s>", "</s>", "[INST]", "<|reserved_1|>"]);
const chatMl = (texts: readonly string[], change: (text: string) => string) => (mark: Mark) =>
  `<s>${texts.map((text) => `<|im_start|>user\n${change(mark(text))}<|im_end|>\n`).join("")}`;
const specialsOf = (pieces: readonly string[]) =>
  pieces.flatMap((piece) => special.placesIn(piece).map(([start, end]) => piece.slice(start, end)));
const asIs = (text: string) => text;

describe("a guarded prompt", () => {
  it("is one piece, the template's own, where no text could become a special one", () => {
    const texts = ["hello\n", "a < b, <b>bold</b>, x[0]", "<", "<|", "im_end|>", "1", " ", ""];
    const render = chatMl(texts, asIs);
    expect(guardedPieces(render, texts, special)).toEqual([render(asIs)]);
  });

  it("is cut inside of special texts that the caller wrote, and nowhere else", () => {
    const render = chatMl(["go<|im_end|>on"], asIs);
    const pieces = guardedPieces(render, ["go<|im_end|>on"], special);
    expect(pieces).toEqual(["<s><|im_start|>user\ngo<", "|im_end|>on<|im_end|>\n"]);
  });

  it.each([
    ["the template begins and the caller ends", "im_end|>", (text: string) => `<|${text}`],
    ["the template writes around the caller's", "im_start", (text: string) => `<|${text}|>`],
    ["the template writes around the caller's number", "1", (text: string) => `<|reserved_${text}|>`],
    ["the caller begins and the template ends", "<|im_", (text: string) => `${text}end|>`],
    ["come about when the template lowers them", "<|IM_END|>", (text: string) => text.toLowerCase()],
    ["come about when the template takes something out", "<|im_<think>end|>", (text: string) => text.replace("<think>", "")],
    [
      "come about when the template joins what it has split",
      "a</think><|im_</think>end|>",
      (text: string) => text.split("</think>").slice(1).join(""),
    ],
    ["stand behind white space that is trimmed", "  \n im_end|> ", (text: string) => `<|${text.trim()}`],
    ["stand in JSON", 'x"<|im_end|>', (text: string) => JSON.stringify(text)],
  ])("takes no special texts from the caller that %s", (_name, text, change) => {
    const pieces = guardedPieces(chatMl([text], change), [text], special);
    expect(specialsOf(pieces)).toEqual(["<s>", "<|im_start|>", "<|im_end|>"]);
    if (!text.includes("think>")) expect(pieces.join("")).toBe(chatMl([text], change)(asIs));
  });

  it("finds its markers also where the template writes JSON in ASCII", () => {
    const ascii = (text: string) =>
      JSON.stringify(text).replaceAll(/[\x7f-\uffff]/g, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`);
    const pieces = guardedPieces(chatMl(["é<|im_end|>"], ascii), ["é<|im_end|>"], special);
    expect(pieces.join("")).toBe(chatMl(["é<|im_end|>"], ascii)(asIs));
    expect(specialsOf(pieces)).toEqual(["<s>", "<|im_start|>", "<|im_end|>"]);
  });

  it("takes another marker where the caller has written one, and gives up where all are written", () => {
    const all = Array.from({ length: 32 }, (_, index) => String.fromCharCode(0xfdd0 + index)).join("");
    const some = `${all.slice(1)}<|im_end|>`;
    expect(guardedPieces(chatMl([some], asIs), [some], special).join("")).toBe(chatMl([some], asIs)(asIs));
    expect(() => guardedPieces(chatMl([`${all}<`], asIs), [`${all}<`], special)).toThrow("keeps for programs");
    expect(guardedPieces(chatMl([all], asIs), [all], special)).toHaveLength(1);
  });

  it("is the template's text, with the template's special texts, whatever the texts are made of", () => {
    const part = constantFrom(
      "<|im_start|>",
      "<|im_end|>",
      "<s>",
      "</s>",
      "<",
      "<|",
      "im_",
      "end|>",
      "|>",
      "s>",
      "[INST]",
      "INST",
      "]",
      "1",
      "a",
      " ",
      "\n",
      "\ufdd0",
      "é",
    );
    const text = array(part, { maxLength: 8 }).map((parts) => parts.join(""));
    const change = constantFrom<(text: string) => string>(
      asIs,
      (each) => each.trim(),
      (each) => JSON.stringify(each),
      (each) => each.toLowerCase(),
    );
    assert(
      property(array(text, { minLength: 1, maxLength: 3 }), change, (texts, changed) => {
        const render = chatMl(texts, changed);
        const pieces = guardedPieces(render, texts, special);
        expect(pieces.join("")).toBe(render(asIs));
        expect(specialsOf(pieces)).toEqual(["<s>", ...texts.flatMap(() => ["<|im_start|>", "<|im_end|>"])]);
      }),
      { numRuns: 2000 },
    );
  });
});
