import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Arrivals } from "./arrivals.ts";

const slow = { readMs: () => 130, isFull: () => false };

describe("requests that come together", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** How long it takes to settle, ms, while others come at these times. */
  async function settledAfter(arrivals: Arrivals, others: readonly number[], options = slow): Promise<number> {
    for (const ms of others) setTimeout(() => arrivals.came(), ms);
    const beganMs = performance.now();
    let endedMs = Number.NaN;
    const settled = arrivals.settled(options).then(() => void (endedMs = performance.now()));
    await vi.advanceTimersByTimeAsync(50);
    await settled;
    return endedMs - beganMs;
  }

  it("are waited for until nobody else has come for a moment", async () => {
    const arrivals = new Arrivals();
    arrivals.came();
    expect(await settledAfter(arrivals, [])).toBeLessThanOrEqual(4);
    const last = 5;
    const ms = await settledAfter(arrivals, [1, 3, last]);
    expect(ms).toBeGreaterThan(last);
    expect(ms).toBeLessThanOrEqual(last + 4);
  });

  it("are not waited for any longer when there is no end of them", async () => {
    const arrivals = new Arrivals();
    const endless = Array.from({ length: 50 }, (_, ms) => ms + 0.5);
    expect(await settledAfter(arrivals, endless)).toBeLessThanOrEqual(12);
  });

  it("are not waited for where no more could begin, nor by what is soon read", async () => {
    const arrivals = new Arrivals();
    expect(await settledAfter(arrivals, [1], { ...slow, isFull: () => true })).toBe(0);
    expect(await settledAfter(arrivals, [1], { ...slow, readMs: () => 99 })).toBe(0);
    let count = 1;
    setTimeout(() => void (count = 2), 1);
    expect(await settledAfter(arrivals, [1, 3, 5, 7], { ...slow, isFull: () => count === 2 })).toBeLessThanOrEqual(2);
  });
});
