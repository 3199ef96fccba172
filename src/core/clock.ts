import type { Clock } from "./ports.ts";

/** The machine's clock: as fine as `performance.now`, and never turned back while the process lives. */
export const systemClock: Clock = {
  now: () => performance.timeOrigin + performance.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
