import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Turn } from "./slots.ts";
import type { TickMeasure } from "./prefill-budget.ts";
import { Ticks } from "./ticks.ts";

beforeEach(() => void vi.useFakeTimers({ toFake: ["performance", "setTimeout", "clearTimeout"] }));
afterEach(() => void vi.useRealTimers());

/** Ticks of steps of so many milliseconds, what was measured of them, and which of them were told: the number of the last that had ended, and when. */
function ticking({ stepMs = 6, tokenWaitMs = 16, hasDecode = true } = {}) {
  const told: (readonly [tick: number, ms: number])[] = [];
  const measured: TickMeasure[] = [];
  let takesMs = stepMs;
  let ended = 0;
  let begun: (() => void) | undefined;
  const began = performance.now();
  const ticks = new Ticks({
    batches: { expect: (_active, onDecode) => void (begun = onDecode) },
    budget: { stepMs, measured: (tick) => void measured.push(tick) },
    tokenWaitMs,
    tell: () => void told.push([ended, performance.now() - began]),
  });
  const choice = {
    isGenerating: true,
    promptTokensLeft: 0,
    async step() {
      if (hasDecode) begun?.();
      await new Promise(setImmediate);
      vi.advanceTimersByTime(takesMs);
      return {};
    },
  };
  const turn = { taken: { choice, job: { isOver: false, stepped: () => {} } }, promptTokens: 0 } as unknown as Turn;
  const run = async (count: number, isSteady = true) => {
    for (let tick = 0; tick < count; tick++, ended++) await ticks.run([turn], isSteady);
  };
  const slowDown = (ms: number) => void (takesMs = ms);
  return { ticks, told, measured, run, slowDown };
}

describe("ticks", () => {
  // Of steps of 6 ms, the token of 6 ms can wait for those of 12 and of 18 ms, and not for that of 24 ms; of 8 ms, for that of 24 ms just in time.
  it.each([
    [6, 18],
    [8, 24],
  ])("are told together where the next token comes in time: steps of %i ms", async (stepMs, toldMs) => {
    const { told, run } = ticking({ stepMs, tokenWaitMs: 16 });
    await run(1, false);
    await run(6);
    expect(told).toEqual([
      [0, 0],
      [3, toldMs],
      [6, 2 * toldMs],
    ]);
  });

  it("are told as soon as they have waited long enough, however long the next one takes", async () => {
    const { told, run, slowDown } = ticking({ stepMs: 6, tokenWaitMs: 16 });
    await run(1, false);
    slowDown(1000);
    await run(1);
    expect(told).toEqual([
      [0, 0],
      [1, 28],
    ]);
    slowDown(6);
    await run(1);
    // What the slow one brought waits anew.
    expect(told).toHaveLength(2);
  });

  it("are measured, with those who generate and what is read", async () => {
    const { measured, run } = ticking();
    await run(1);
    expect(measured).toEqual([{ ms: 6, promptTokens: 0, generating: 1 }]);
  });

  it("are told one by one where steps take longer than a token may wait", async () => {
    const { told, run } = ticking({ stepMs: 17, tokenWaitMs: 16 });
    await run(4);
    expect(told.map(([tick]) => tick)).toEqual([0, 1, 2, 3]);
  });

  it("are told one by one where no token may wait", async () => {
    const { told, run } = ticking({ stepMs: 0, tokenWaitMs: 0 });
    await run(1, false);
    vi.advanceTimersByTime(1);
    await run(1);
    vi.advanceTimersByTime(1);
    await run(1);
    expect(told.map(([tick]) => tick)).toEqual([0, 1, 2]);
  });

  it("are told when the next begins that is not like the last", async () => {
    const { told, run } = ticking();
    await run(1, false);
    await run(1);
    expect(told.map(([tick]) => tick)).toEqual([0]);
    await run(1, false);
    expect(told.map(([tick]) => tick)).toEqual([0, 2]);
  });

  it("are told when they end where they make no decode", async () => {
    const { told, run } = ticking({ hasDecode: false });
    await run(2);
    expect(told.map(([, ms]) => ms)).toEqual([6, 12]);
  });

  it("tell how long the one that runs has been at work", async () => {
    const { ticks, run } = ticking();
    expect(ticks.runningMs).toBe(0);
    const running = run(1);
    vi.advanceTimersByTime(5);
    expect(ticks.runningMs).toBe(5);
    await running;
    expect(ticks.runningMs).toBe(0);
  });
});
