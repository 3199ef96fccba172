import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { loadTiny } from "../../testing/loaded-model.ts";
import type { LoadedModel } from "../model.ts";
import { tokenized } from "../tokens/token-questions.ts";
import { specialParts } from "./special-parts.ts";
import { specialTextsOf } from "./special-texts.ts";

// A model is loaded, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

describe("a text with many special texts", () => {
  let loaded: LoadedModel;
  beforeAll(async () => void (loaded = await loadTiny()));
  afterAll(() => loaded.dispose());
  const tokenize = (text: string) => loaded.model.tokenize(text, true);
  const partsOf = (text: string) => [...specialParts(text, { special: specialTextsOf(loaded.model), tokenize })];

  it.each([
    ["alone", "<|im_start|>", 13],
    ["with spaces between them", "<|im_end|> \n ", 13],
    ["in other case among them", "<|im_start|>user <|IM_END|><|im_<|im_end|>end|> 日本", 20],
    ["of which none is whole", "<|im_start<|im_end", 1],
    ["none", "hello ", 1],
  ])("%s has the tokens of its parts", (_, bit, least) => {
    const text = bit.repeat(7000);
    const parts = partsOf(text);
    expect(parts.length).toBeGreaterThanOrEqual(least);
    expect(parts.join("")).toBe(text);
    expect(parts.flatMap(tokenize)).toEqual(tokenize(text));
  });

  it("is one part where it is short, and has nothing where there is nothing", () => {
    expect(partsOf("<|im_start|>".repeat(300))).toHaveLength(1);
    expect(partsOf("")).toEqual([""]);
  });

  it("is split into the same tokens for a caller, in a time that grows with its length", () => {
    const timed = (count: number) => {
      const text = "<|im_start|>".repeat(count);
      const beganMs = performance.now();
      const { tokens } = tokenized(loaded, { type: "tokenize", text, addSpecial: false, parseSpecial: true, includePieces: false });
      const tookMs = performance.now() - beganMs;
      expect(tokens).toEqual(Array.from({ length: count }, () => tokenize("<|im_start|>")[0]));
      return tookMs;
    };
    timed(5000);
    // Sixteen times as long; with the square of it, it would take 256 times as long.
    expect(timed(80_000)).toBeLessThan(64 * timed(5000) + 200);
  });

  it("may be as long as a prompt", () => {
    const { tokens } = loaded.makePrompt({ type: "text", text: "<|im_start|>".repeat(20_000) });
    expect(tokens).toEqual(Array.from({ length: 20_000 }, () => tokenize("<|im_start|>")[0]));
  });
});
