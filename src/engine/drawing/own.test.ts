import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { drawnText, drawTokens, engineAsk, loadTiny, type DrawAsk } from "../../testing/loaded-model.ts";
import type { LoadedModel } from "../model.ts";
import type { EngineRequest, EngineSampling } from "../protocol.ts";

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
  "a bias": { temperature: 1, topK: 4, logitBias: [[70, 3], [71, -2], [72, -100]] }, // prettier-ignore
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
});
