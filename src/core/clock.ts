import type { Clock } from "./ports.ts";

/** Asked once: it never changes, and asking costs as much as the time itself. */
const { timeOrigin } = performance;

/** The machine's clock: as fine as `performance.now`, and never turned back while the process lives. */
export const systemClock: Clock = {
  now: () => timeOrigin + performance.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
