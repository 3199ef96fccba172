import { expect, it } from "vitest";
import { fakeClock } from "../../testing/fake-clock.ts";
import { CrashLoop } from "./crash-loop.ts";

const clock = fakeClock();

/** Crashes of processes that had served so long, ms. */
function after(...servedMs: number[]): CrashLoop {
  const loop = new CrashLoop(clock);
  for (const ms of servedMs) {
    const sinceMs = clock.now();
    clock.advance(ms);
    loop.crashed(sinceMs);
  }
  return loop;
}

it("gives up after three crashes, each within a minute of its load", () => {
  expect(after(1000, 59_999).isHopeless).toBe(false);
  expect(after(1000, 59_999, 0).isHopeless).toBe(true);
});

it("forgets the crashes before a minute of health", () => {
  const loop = after(0, 0, 60_000);
  expect([loop.failures, loop.isHopeless]).toEqual([1, false]);
});

it("counts loads that fail with the crashes, until it ends as it should", () => {
  const loop = after(0);
  loop.failed();
  loop.failed();
  expect([loop.failures, loop.isHopeless]).toEqual([3, true]);
  loop.forget();
  expect([loop.failures, loop.isHopeless]).toEqual([0, false]);
});

it("waits twice as long each time, and never longer than half a minute", () => {
  const loop = new CrashLoop(clock);
  expect([1, 2, 3, 4, 5, 6, 7, 2000].map((failures) => loop.waitMs(failures))).toEqual([
    1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000,
  ]);
});
