import { describe, expect, it } from "vitest";
import { fitLine, median } from "./statistics.ts";

describe("statistics of the benchmarks", () => {
  it("takes the middle of an odd and the mean of the middle two of an even number of values", () => {
    expect([median([9, 1, 5]), median([4, 1, 3, 2])]).toEqual([5, 2.5]);
  });

  it("finds the slope of a line without noise, and is sure of it", () => {
    const line = fitLine([0, 1, 2, 3, 4].map((x) => [x, 3 * x + 7]));
    expect(line.slope).toBeCloseTo(3);
    expect(line.margin).toBeCloseTo(0);
  });

  // By hand: x = 0..4, y = 1, 3, 2, 5, 4; slope 0.8, residual variance 1.2, standard error sqrt(0.12), t with 3 degrees 3.182.
  it("widens the interval with the noise", () => {
    const line = fitLine([1, 3, 2, 5, 4].map((y, x) => [x, y]));
    expect(line.slope).toBeCloseTo(0.8);
    expect(line.margin / (3.182 * Math.sqrt(0.12))).toBeCloseTo(1, 1);
  });
});
