import type { Clock } from "../core/ports.ts";

/** A clock that a test moves by hand. */
export interface FakeClock extends Clock {
  /** Lets `ms` pass: timers that fall due are called in order. */
  advance(ms: number): void;
  /** Timers that have not been called or cancelled. */
  pending(): number;
}

/** Makes a clock that stands still until it is moved. */
export function fakeClock(startMs = 1_700_000_000_000): FakeClock {
  let now = startMs;
  const timers = new Set<{ readonly dueMs: number; readonly callback: () => void }>();
  return {
    now: () => now,
    after(ms, callback) {
      const timer = { dueMs: now + ms, callback };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    advance(ms) {
      const end = now + ms;
      for (;;) {
        const next = [...timers].filter(({ dueMs }) => dueMs <= end).toSorted((a, b) => a.dueMs - b.dueMs)[0];
        if (next === undefined) break;
        timers.delete(next);
        now = next.dueMs;
        next.callback();
      }
      now = end;
    },
    pending: () => timers.size,
  };
}
