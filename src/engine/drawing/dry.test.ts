import { array, assert, double, integer, property } from "fast-check";
import { describe, expect, it } from "vitest";
import { dryPenalties, type Breakers } from "./dry.ts";

const none: Breakers = new Map();
const plain = { multiplier: 1, base: 2, allowedLength: 2, lastTokens: 1000 };
/** A history of few tokens repeats itself often. */
const histories = array(integer({ min: 0, max: 3 }), { maxLength: 40 });

/** By token, how long the repetition is that it would go on: by the definition, without any cleverness. */
function repetitions(history: readonly number[]): Map<number, number> {
  const longest = new Map<number, number>();
  for (let end = 0; end < history.length - 1; end++) {
    let length = 0;
    while (length <= end && history[end - length] === history[history.length - 1 - length]) length++;
    const next = history[end + 1]!;
    if (length > (longest.get(next) ?? 0)) longest.set(next, length);
  }
  return longest;
}

describe("DRY", () => {
  it("takes from each token by the longest repetition that it would go on", () => {
    assert(
      property(histories, integer({ min: 1, max: 5 }), (history, allowedLength) => {
        const penalties = dryPenalties(history, { ...plain, allowedLength }, none);
        const wanted = [...repetitions(history)].filter(([, length]) => length >= allowedLength && history.length > allowedLength);
        expect(penalties).toEqual(new Map(wanted.map(([token, length]) => [token, 2 ** (length - allowedLength)] as const)));
      }),
    );
  });

  it("never takes less for a longer repetition, a greater strength or a greater base", () => {
    const numbers = double({ min: 1, max: 4, noNaN: true });
    assert(
      property(histories, numbers, numbers, (history, one, other) => {
        const [low, high] = [Math.min(one, other), Math.max(one, other)];
        const taken = (more: Partial<typeof plain>) => dryPenalties(history, { ...plain, ...more }, none);
        for (const [token, penalty] of taken({ multiplier: low }))
          expect(taken({ multiplier: high }).get(token)).toBeGreaterThanOrEqual(penalty);
        for (const [token, penalty] of taken({ base: low })) expect(taken({ base: high }).get(token)).toBeGreaterThanOrEqual(penalty);
        const twice = dryPenalties([...history, ...history], plain, none);
        for (const [token, penalty] of taken({})) expect(twice.get(token)).toBeGreaterThanOrEqual(penalty);
      }),
    );
  });

  it("looks at so many tokens, and lets repetitions of the allowed length be", () => {
    const history = [1, 2, 3, 9, 1, 2];
    expect(dryPenalties(history, plain, none)).toEqual(new Map([[3, 1]]));
    expect(dryPenalties(history, { ...plain, lastTokens: 5 }, none)).toEqual(new Map());
    expect(dryPenalties(history, { ...plain, lastTokens: 0 }, none)).toEqual(new Map());
    expect(dryPenalties(history, { ...plain, allowedLength: 3 }, none)).toEqual(new Map());
    expect(dryPenalties(history, { ...plain, allowedLength: 1, multiplier: 3 }, none)).toEqual(new Map([[3, 6]]));
  });

  it("sees no repetition across a breaker, of one token or of several, and takes nothing from a breaker", () => {
    const history = [1, 2, 3, 4, 9, 1, 2, 3];
    const broken = (breakers: Breakers) => dryPenalties(history, { ...plain, allowedLength: 1 }, breakers);
    expect(broken(none)).toEqual(new Map([[4, 4]]));
    expect(broken(new Map([[2, [[]]]]))).toEqual(new Map([[4, 1]]));
    expect(broken(new Map([[1, [[2]]]]))).toEqual(new Map([[4, 1]]));
    expect(broken(new Map([[1, [[8]]]]))).toEqual(new Map([[4, 4]]));
    expect(broken(new Map([[3, [[]]]]))).toEqual(new Map());
    expect(broken(new Map([[4, [[]]]]))).toEqual(new Map());
  });

  it("stays finite however long a repetition is", () => {
    const history = Array.from({ length: 4000 }, () => 7);
    const [penalty] = dryPenalties(history, { ...plain, lastTokens: 4000 }, none).values();
    expect(Number.isFinite(Math.fround(penalty!))).toBe(true);
  });
});
