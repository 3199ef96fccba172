import { array, assert, double, integer, property } from "fast-check";
import { describe, expect, it } from "vitest";
import { chain, type Candidates, type ChainSettings } from "./chain.ts";

const plain: ChainSettings = { temperature: 1, topK: 0, topP: 1, minP: 0 };

/** Candidates 0, 1, 2, ... of the given probabilities, which fall. */
function candidates(...probabilities: readonly number[]): Candidates {
  return { tokens: probabilities.map((_, token) => token), logits: probabilities.map((probability) => Math.fround(Math.log(probability))) };
}

/** How often each token is drawn. */
function drawn(settings: Partial<ChainSettings>, from: Candidates, draws = 4000): number[] {
  const draw = chain({ ...plain, ...settings }, 1);
  const counts = from.tokens.map(() => 0);
  for (let index = 0; index < draws; index++) counts[draw(from)]!++;
  return counts;
}

/** Probabilities that fall, as a model has them. */
const distributions = array(integer({ min: 1, max: 1000 }), { minLength: 2, maxLength: 40 }).map((weights) =>
  candidates(...weights.toSorted((one, other) => other - one).map((weight) => weight / weights.reduce((sum, each) => sum + each, 0))),
);

/** The tokens that may be drawn at all, of many draws. */
const possible = (settings: Partial<ChainSettings>, from: Candidates) =>
  new Set(drawn(settings, from, 300).flatMap((count, token) => (count > 0 ? [token] : [])));

describe("the chain of samplers", () => {
  it("draws each token as often as it is probable", () => {
    const counts = drawn({}, candidates(0.5, 0.3, 0.15, 0.05), 20_000).map((count) => count / 20_000);
    for (const [token, share] of [0.5, 0.3, 0.15, 0.05].entries()) expect(counts[token]).toBeCloseTo(share, 1.5);
  });

  it("takes the most probable token at temperature 0, and others the more often the hotter it is", () => {
    const from = candidates(0.5, 0.3, 0.2);
    expect(drawn({ temperature: 0 }, from)).toEqual([4000, 0, 0]);
    const firsts = [0.2, 0.5, 1, 2].map((temperature) => drawn({ temperature }, from)[0]!);
    expect(firsts).toEqual(firsts.toSorted((one, other) => other - one));
    // At 0.5 probabilities are squared.
    expect(drawn({ temperature: 0.5 }, from)[0]! / 4000).toBeCloseTo(0.25 / 0.38, 1.5);
  });

  it("draws with top-k of the k most probable", () => {
    assert(
      property(distributions, integer({ min: 1, max: 50 }), (from, topK) => {
        for (const token of possible({ topK }, from)) expect(token).toBeLessThan(topK);
      }),
    );
  });

  it("draws with top-p of the fewest whose probabilities add up to it", () => {
    const from = candidates(0.5, 0.3, 0.15, 0.05);
    expect([...possible({ topP: 0.4 }, from)]).toEqual([0]);
    expect([...possible({ topP: 0.7 }, from)]).toEqual([0, 1]);
    expect(possible({ topP: 0.9 }, from)).toEqual(new Set([0, 1, 2]));
    // After top-k, of what it has left.
    expect([...possible({ topK: 2, topP: 0.62 }, from)]).toEqual([0]);
  });

  it("draws with min-p of those that are so probable beside the first", () => {
    const from = candidates(0.5, 0.3, 0.15, 0.05);
    expect([...possible({ minP: 1 }, from)]).toEqual([0]);
    expect(possible({ minP: 0.55 }, from)).toEqual(new Set([0, 1]));
    expect(possible({ minP: 0.2 }, from)).toEqual(new Set([0, 1, 2]));
  });

  it("never draws with XTC a token that is more probable than the least probable top choice, and a lower threshold never leaves more of the top", () => {
    const threshold = double({ min: 0.01, max: 0.5, noNaN: true });
    const least = (from: Candidates, at: number) => chain({ ...plain, temperature: 0, xtc: { probability: 1, threshold: at } }, 1)(from);
    assert(
      property(distributions, threshold, threshold, (from, one, other) => {
        const tops = from.logits.filter((logit) => Math.exp(logit) >= Math.max(one, other) * 1.001).length;
        const [lower, higher] = [least(from, Math.min(one, other)), least(from, Math.max(one, other))];
        expect(lower).toBeGreaterThanOrEqual(higher);
        expect(higher).toBeGreaterThanOrEqual(tops - 1);
      }),
      { numRuns: 50 },
    );
  });

  it("applies XTC as often as is said, never above a threshold of a half, and never to a choice alone", () => {
    const from = candidates(0.4, 0.35, 0.25);
    const firsts = [0, 0.25, 0.5, 0.75, 1].map((probability) => drawn({ xtc: { probability, threshold: 0.2 } }, from)[0]!);
    expect(firsts).toEqual(firsts.toSorted((one, other) => other - one));
    expect(firsts.at(-1)).toBe(0);
    expect(drawn({ xtc: { probability: 1, threshold: 0.51 } }, from)).toEqual(drawn({}, from));
    expect([...possible({ topK: 1, xtc: { probability: 1, threshold: 0.01 } }, from)]).toEqual([0]);
  });
});
