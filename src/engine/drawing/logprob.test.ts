import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { drawTokens, engineAsk, loadTiny, type DrawAsk } from "../../testing/loaded-model.ts";
import { greatestDifference, keptLogprobs, logprobsBeside, tinyLogprobsBeside } from "../../testing/logprobs-reference.ts";
import { describeWithRealModel } from "../../testing/real-model.ts";
import type { LoadedModel } from "../model.ts";
import type { EngineSampling } from "../protocol/request.ts";

// Models are loaded and a program is compiled, and the machine may be busy.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const near = 1e-3;

describe("logprobs", () => {
  let loaded: LoadedModel;
  beforeAll(async () => {
    loaded = await loadTiny({ writes: "bytes" });
  });
  afterAll(() => loaded.dispose());
  const draw = (sampling: Partial<EngineSampling>, topLogprobs: number, tokens = 40) =>
    drawTokens({ loaded, prompt: "the thing", request: engineAsk({ sampling, topLogprobs }), tokens });

  it("are those of raw llama.cpp", async () => {
    const { own, raw } = await tinyLogprobsBeside();
    expect(greatestDifference(own, await keptLogprobs())).toBeLessThan(near);
    if (raw !== undefined) expect(greatestDifference(own, raw)).toBeLessThan(near);
  });

  it("are the model's own, whatever the sampling does to them", async () => {
    const [plain] = await draw({}, 20, 1);
    const settings: Partial<EngineSampling>[] = [
      { temperature: 1.9 },
      { temperature: 0.2, topK: 1 },
      { temperature: 1, topP: 0.01 },
      { temperature: 1, minP: 1 },
      { repeatPenalty: 2, presencePenalty: 2, frequencyPenalty: 2 },
      {
        logitBias: [
          [90, 50],
          [91, -100],
        ],
      },
      { temperature: 1, topK: 40, xtc: { probability: 1, threshold: 0.01 } },
      { dry: { multiplier: 5, base: 2, allowedLength: 1, lastTokens: 99, sequenceBreakers: [] } },
    ];
    for (const sampling of settings) {
      const [drawn] = await draw(sampling, 20, 1);
      expect(drawn?.logprob?.top).toEqual(plain?.logprob?.top);
    }
  });

  it("fall, and tell the drawn token as its place among them does", async () => {
    for (const { logprob } of await draw({ temperature: 1 }, 20)) {
      const told = logprob!.top.map((other) => other.logprob);
      expect(told).toHaveLength(20);
      expect(told).toEqual(told.toSorted((one, other) => other - one));
      expect(Math.exp(told[0]!)).toBeLessThanOrEqual(1);
      const { top, ...own } = logprob!;
      expect(own.logprob).toBeLessThanOrEqual(told[0]!);
      if (own.logprob > told[19]!) expect(top).toContainEqual(own);
    }
  });

  it("have as many alternatives as are asked for, none too", async () => {
    for (const wanted of [0, 1, 5]) {
      for (const { logprob } of await draw({ temperature: 1 }, wanted, 5)) expect(logprob?.top).toHaveLength(wanted);
    }
  });

  it("tell the bytes of each token, and U+FFFD for those that are no character", async () => {
    const drawn = await draw({ temperature: 1.5 }, 20);
    const all = drawn.flatMap(({ logprob }) => [logprob!, ...logprob!.top]);
    for (const { token, bytes } of all) expect(token).toBe(Buffer.from(bytes, "base64").toString());
    expect(all.some(({ token }) => token === "\uFFFD")).toBe(true);
    const written = Buffer.concat(drawn.map(({ logprob }) => Buffer.from(logprob!.bytes, "base64")));
    expect(written.toString()).toBe(loaded.model.detokenize(drawn.map(({ token }) => token)));
  });

  it("tell of a token that was forced what the model thinks of it", async () => {
    const [free] = await draw({}, 20, 1);
    const tokens = loaded.model.tokenize("x");
    const request = engineAsk({ topLogprobs: 20 });
    const force: DrawAsk["before"] = (drawing) => {
      drawing.force(tokens);
      return undefined;
    };
    const [forced] = await drawTokens({ loaded, prompt: "the thing", request, tokens: 1, before: force });
    // Whatever it is lifted by, its own probability stays the same.
    const [lifted] = await draw({ logitBias: [[tokens[0]!, 100]] }, 20, 1);
    expect(forced?.token).toBe(tokens[0]);
    expect(forced?.logprob).toEqual(lifted?.logprob);
    expect(forced?.logprob?.top).toEqual(free?.logprob?.top);
  });
});

await describeWithRealModel("logprobs of a real model", (path) => {
  it("are those of raw llama.cpp, where it can be compiled", async ({ skip }) => {
    const { own, raw } = await logprobsBeside(path);
    skip(raw === undefined, "no compiler");
    expect(greatestDifference(own, raw ?? [])).toBeLessThan(near);
  });
});
