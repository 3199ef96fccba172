import type { LlamaContextSequence, Token } from "node-llama-cpp";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { drawnText, drawTokens, engineAsk, loadTiny, plainPlan, type DrawAsk } from "../../testing/loaded-model.ts";
import type { LoadedModel } from "../model.ts";
import { checkGrammar } from "./grammars.ts";
import { hiddenTokens } from "./special-tokens.ts";

// A model is loaded, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const held = { ...plainPlan, grammarFields: ["response_format.grammar"] };
const digits = 'root ::= [0-9] [0-9] "-" [a-c]{3}';

describe("a drawing by the library's samplers", () => {
  let loaded: LoadedModel;
  beforeAll(async () => {
    loaded = await loadTiny({ ends: "sometimes", writes: "bytes" });
  });
  afterAll(() => loaded.dispose());
  const draw = (more: Partial<DrawAsk> = {}) => {
    const request = engineAsk({ sampling: { temperature: 1 }, seeds: [7] });
    return drawTokens({ loaded, prompt: "say", request, tokens: 40, output: held, ...more });
  };

  it("writes what a grammar allows, and ends where it ends", async () => {
    for (const seed of [1, 2, 3]) {
      const request = engineAsk({ sampling: { temperature: 1 }, seeds: [seed] });
      const drawn = await draw({ request, before: () => digits });
      expect(drawnText(loaded, drawn)).toMatch(/^[0-9][0-9]-[abc]{3}$/);
      expect(loaded.model.isEogToken(drawn.at(-1)!.token)).toBe(true);
    }
  });

  it("begins another grammar in the middle, and goes on without one", async () => {
    const grammars = ['root ::= "a"{3} [a-z]*', 'root ::= "a"{3} [a-z]*', 'root ::= "xy" [0-9]*'];
    const drawn = await draw({ tokens: 12, before: (_, index) => (index < 2 ? grammars[0] : index < 8 ? grammars[2] : undefined) });
    const text = drawn.map(({ token }) => loaded.model.detokenize([token]));
    expect(text.slice(0, 2).join("")).toMatch(/^a+[a-z]*$/);
    expect(text.slice(2, 8).join("")).toMatch(/^xy[0-9]*$/);
    expect(text.slice(8).join("")).not.toMatch(/^[0-9]*$/);
  });

  it("takes forced tokens, whatever a grammar says, and begins the grammar after them", async () => {
    const forced = loaded.model.tokenize("QED!");
    const drawn = await draw({
      before(drawing, index) {
        if (index === 2) drawing.force(forced);
        return index < 2 ? undefined : digits;
      },
    });
    expect(drawn.slice(2, 2 + forced.length).map(({ token }) => token)).toEqual(forced);
    expect(drawnText(loaded, drawn.slice(2 + forced.length))).toMatch(/^[0-9][0-9]-[abc]{3}$/);
  });

  it("goes on after forced tokens as a model that has read them", async () => {
    const request = engineAsk();
    const tokens = loaded.model.tokenize("xyz");
    const read = await drawTokens({ loaded, prompt: "sayxyz", request, tokens: 5 });
    const drawn = await drawTokens({
      loaded,
      prompt: "say",
      request,
      tokens: 5 + tokens.length,
      before: (drawing, index) => void (index === 0 && drawing.force(tokens)),
    });
    expect(drawn.slice(tokens.length)).toEqual(read);
  });

  it("draws no token under a grammar that the answer's text would leave out", async () => {
    expect(hiddenTokens(loaded.model).size).toBeGreaterThan(0);
    const [begin] = loaded.model.tokenize("<|im_start|>", true);
    const request = engineAsk({ sampling: { logitBias: [[begin!, 1000]] } });
    const drawn = await draw({ request, tokens: 5, before: () => "root ::= [^x]*" });
    expect(drawn.map(({ token }) => token)).not.toContain(begin);
    const shown = { ...held, markers: new Set(["<|im_start|>"]) };
    const marked = await draw({ request, tokens: 5, output: shown, before: () => "root ::= [^x]*" });
    expect(marked.map(({ token }) => token)).toContain(begin);
  });

  it("keeps to a ban as far as the grammar leaves a choice", async () => {
    const [banned] = loaded.model.tokenize("b");
    const request = engineAsk({ sampling: { logitBias: [[banned!, -100]] } });
    expect(drawnText(loaded, await draw({ request, before: () => 'root ::= [bc] "ab" [bc]' }))).toBe("cabc");
  });

  it("tells nothing of the answer when the library gives up on a grammar", async () => {
    async function* evaluate(): AsyncGenerator<Token> {
      yield* [];
      throw new Error("Failed to accept token in sampler: Unexpected empty grammar stack after accepting piece: secret");
    }
    const sequence = { evaluate, clearHistory: async () => {} } as unknown as LlamaContextSequence;
    await expect(draw({ sequence, before: () => digits })).rejects.toThrow("the grammar allows nothing that this model can write");
  });

  it("refuses a grammar that cannot be parsed, by its field", () => {
    for (const gbnf of ["", "root ::= nope", 'x ::= "a"', 'root ::= root "a"', "root ::= ["]) {
      expect(() => checkGrammar(loaded.model, { type: "grammar", gbnf })).toThrow("response_format.grammar.gbnf");
    }
    expect(() => checkGrammar(loaded.model, { type: "grammar", gbnf: digits })).not.toThrow();
  });
});
