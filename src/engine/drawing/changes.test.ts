import { describe, expect, it } from "vitest";
import { plainSampling } from "../../testing/loaded-model.ts";
import type { EngineSampling } from "../protocol/request.ts";
import { changed, changesAfter, isLift } from "./changes.ts";

const none = new Map<number, never>();

/** What becomes of a token's logit after a history. */
function after(history: readonly number[], sampling: Partial<EngineSampling>, banned: readonly number[] = []) {
  const all = { ...plainSampling, ...sampling };
  const changes = changesAfter(history, { sampling: all, breakers: none, banned });
  return {
    tokens: [...changes.keys()].toSorted((one, other) => one - other),
    lifted: [...changes].filter(([, change]) => isLift(change, all)).map(([token]) => token),
    of: (token: number, logit: number) => changed(logit, changes.get(token) ?? { bias: 0, count: 0, dry: 0 }, all),
  };
}

describe("what is done to logits before sampling", () => {
  it("is nothing without a setting", () => {
    expect(after([1, 2, 3], {}).tokens).toEqual([]);
  });

  it("adds a bias, and bans at -100", () => {
    const { of, lifted } = after([], {
      logitBias: [
        [1, 2.5],
        [2, -3],
        [3, -100],
      ],
    });
    expect([of(1, 1), of(2, 1), of(3, 1), of(4, 1)]).toEqual([3.5, -2, -Infinity, 1]);
    expect(lifted).toEqual([1]);
    expect(after([], { logitBias: [[1, 5]] }, [1]).of(1, 1)).toBe(-Infinity);
  });

  it("takes the presence penalty once and the frequency penalty each time, of the last tokens", () => {
    const history = [7, 5, 5, 5, 6];
    expect(after(history, { presencePenalty: 0.5 }).of(5, 2)).toBe(1.5);
    expect(after(history, { frequencyPenalty: 0.5 }).of(5, 2)).toBe(0.5);
    expect(after(history, { presencePenalty: 0.5, frequencyPenalty: 0.5 }).of(6, 2)).toBe(1);
    expect(after(history, { frequencyPenalty: 0.5, repeatLastTokens: 2 }).of(5, 2)).toBe(1.5);
    expect(after(history, { presencePenalty: 0.5, repeatLastTokens: 4 }).tokens).toEqual([5, 6]);
    expect(after(history, { presencePenalty: 0.5, repeatLastTokens: 0 }).tokens).toEqual([]);
  });

  it("divides a logit above zero by the repeat penalty and multiplies one below, after the bias", () => {
    const { of } = after([1, 1, 2], { repeatPenalty: 2, logitBias: [[2, 3]] });
    expect([of(1, 3), of(1, -3), of(2, -1), of(9, 3)]).toEqual([1.5, -6, 1, 3]);
  });

  it("knows what may lift a token over others", () => {
    expect(after([1], { presencePenalty: -0.5 }).lifted).toEqual([1]);
    expect(after([1, 2, 2, 2], { presencePenalty: 0.5, frequencyPenalty: -0.2 }).lifted).toEqual([2]);
    expect(after([1], { repeatPenalty: 0.9 }).lifted).toEqual([1]);
    expect(after([1], { repeatPenalty: 1.1, presencePenalty: 1 }).lifted).toEqual([]);
  });

  it("takes what DRY takes", () => {
    const dry = { multiplier: 1, base: 2, allowedLength: 2, lastTokens: 99, sequenceBreakers: [] };
    expect(after([1, 2, 3, 9, 1, 2], { dry }).of(3, 5)).toBe(4);
  });
});
