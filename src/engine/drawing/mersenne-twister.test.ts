import { describe, expect, it } from "vitest";
import { mersenneTwister } from "./mersenne-twister.ts";

describe("the generator that tokens are drawn with", () => {
  it("gives the numbers that the C++ standard promises of std::mt19937", () => {
    const numbers = mersenneTwister(5489);
    for (let index = 1; index < 10_000; index++) numbers.next();
    expect(numbers.next()).toBe(4_123_659_995);
  });

  it("begins with the published numbers of its reference implementation", () => {
    const numbers = mersenneTwister(1);
    expect([numbers.next(), numbers.next(), numbers.next()]).toEqual([1_791_095_845, 4_282_876_139, 3_093_770_124]);
  });

  it("makes fractions below one of two of its numbers, or of one", () => {
    expect(mersenneTwister(1).nextDouble()).toBeCloseTo((1_791_095_845 + 4_282_876_139 * 2 ** 32) / 2 ** 64, 15);
    expect(mersenneTwister(1).nextFloat()).toBeCloseTo(1_791_095_845 / 2 ** 32, 7);
  });
});
