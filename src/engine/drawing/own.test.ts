import type { Token } from "node-llama-cpp";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { drawnText, drawTokens, engineAsk, loadTiny, type DrawAsk } from "../../testing/loaded-model.ts";
import type { LoadedModel } from "../model.ts";
import type { EngineRequest, EngineSampling } from "../protocol/request.ts";

// A model is loaded, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

/** Settings that both ways to draw know. */
const settings: Readonly<Record<string, Partial<EngineSampling>>> = {
  "the most probable token": {},
  "all tokens": { temperature: 1 },
  "a temperature": { temperature: 1.7, topK: 40 },
  "top-k": { temperature: 1, topK: 3 },
  "top-p": { temperature: 1, topP: 0.5 },
  "min-p": { temperature: 1, minP: 0.2 },
  "top-k, top-p and min-p": { temperature: 0.8, topK: 40, topP: 0.95, minP: 0.05 },
  "a presence penalty": { temperature: 1, topK: 20, presencePenalty: 1.5 },
  "a presence reward": { temperature: 1, topK: 5, presencePenalty: -1.5 },
  "a frequency penalty": { temperature: 1, topK: 20, frequencyPenalty: 1.5, repeatLastTokens: 20 },
  "a frequency reward": { temperature: 0, frequencyPenalty: -0.2 },
  "a repeat penalty": { temperature: 1, topK: 20, repeatPenalty: 1.8 },
  "a repeat reward": { temperature: 1, topK: 4, repeatPenalty: 0.6 },
  "a bias": {
    temperature: 1,
    topK: 4,
    logitBias: [
      [70, 3],
      [71, -2],
      [72, -100],
    ],
  },
  DRY: { temperature: 1, topK: 20, dry: { multiplier: 3, base: 2, allowedLength: 1, lastTokens: 99, sequenceBreakers: ["e "] } },
  XTC: { temperature: 1, topK: 30, xtc: { probability: 0.5, threshold: 0.05 } },
};

describe("a drawing by samplers of our own", () => {
  let loaded: LoadedModel;
  beforeAll(async () => {
    loaded = await loadTiny();
  });
  afterAll(() => loaded.dispose());
  const draw = (request: EngineRequest, more: Partial<DrawAsk> = {}) =>
    drawTokens({ loaded, prompt: "the thing and the other thing", request, tokens: 60, ...more });

  it.each(Object.entries(settings))("draws with %s what the library draws, from the same seed", async (_name, sampling) => {
    for (const seed of [1, 2_000_000_000, 4_294_967_294]) {
      const ask = engineAsk({ sampling, seeds: [seed] });
      const drawn = await draw({ ...ask, topLogprobs: 0 });
      expect(drawn.every(({ logprob }) => logprob !== undefined)).toBe(true);
      expect(drawnText(loaded, drawn)).toBe(drawnText(loaded, await draw(ask)));
      // Without logprobs it is asked for fewer logits.
      expect(drawnText(loaded, await draw({ ...ask, minTokens: 1 }))).toBe(drawnText(loaded, drawn));
    }
  });

  it("gives the same text for the same seed, and another for another", async () => {
    const ask = (seed: number) => engineAsk({ sampling: { temperature: 1 }, topLogprobs: 0, seeds: [seed] });
    const [first, again, other] = [await draw(ask(1)), await draw(ask(1)), await draw(ask(2))];
    expect(drawnText(loaded, again)).toBe(drawnText(loaded, first));
    expect(drawnText(loaded, other)).not.toBe(drawnText(loaded, first));
  });

  it("excludes top choices at temperature 0 from what top-k leaves", async () => {
    const xtc = { probability: 1, threshold: 0.0001 };
    const [second] = await draw(engineAsk({ sampling: { topK: 2, xtc } }), { tokens: 1 });
    const [told] = await draw(engineAsk({ topLogprobs: 2 }), { tokens: 1 });
    expect(loaded.model.detokenize([second!.token])).toBe(told!.logprob!.top[1]!.token);
    const [first] = await draw(engineAsk({ sampling: { topK: 1, xtc } }), { tokens: 1 });
    expect(first!.token).toBe(told!.token);
  });

  it("says so when everything is banned", async () => {
    const everything = Array.from({ length: loaded.vocabularySize }, (_, token) => [token, -100] as const);
    await expect(draw(engineAsk({ sampling: { logitBias: everything }, topLogprobs: 0 }))).rejects.toThrow(
      "sampling.logit_bias: bans every token",
    );
  });

  describe("of a model that likes to end", () => {
    let ending: LoadedModel;
    let end: Token;
    beforeAll(async () => {
      ending = await loadTiny({ ends: "sometimes" }, { sequences: 6 });
      end = ending.model.tokens.eos!;
    });
    afterAll(() => ending.dispose());
    const lengths = async (more: Parameters<typeof engineAsk>[0], tokens = 50) => {
      const drawn = await Promise.all(
        [1, 2, 3, 4, 5, 6].map(async (seed, place) => {
          const request = engineAsk({ ...more, sampling: { temperature: 1, ...more?.sampling }, seeds: [seed] });
          return drawTokens({ loaded: ending, prompt: "the", request, tokens, sequence: ending.sequences[place]! });
        }),
      );
      return drawn.map((each) => ({ length: each.length, ends: each.filter(({ token }) => token === end).length }));
    };
    it("keeps it from ending before its least length, and lets it end then", async () => {
      const eager = { sampling: { logitBias: [[end, 4] as const] } };
      const free = await lengths(eager);
      expect(Math.min(...free.map(({ length }) => length))).toBeLessThan(20);
      const least = await lengths({ ...eager, minTokens: 20 }, 200);
      for (const { length } of least) expect(length).toBeGreaterThan(20);
      expect(least.some(({ ends }) => ends === 1)).toBe(true);
    });

    it("goes on past the end, and draws no end token", async () => {
      for (const drawn of await lengths({ ignoreEos: true })) expect(drawn).toEqual({ length: 50, ends: 0 });
    });

    it("biases an end token as any other", async () => {
      for (const drawn of await lengths({ sampling: { logitBias: [[end, -100]] } })) expect(drawn).toEqual({ length: 50, ends: 0 });
      for (const drawn of await lengths({ sampling: { logitBias: [[end, 100]] } })) expect(drawn).toEqual({ length: 1, ends: 1 });
    });
  });
});
