/** Guesses how long a call will wait, from how often sequences became free. */
export interface WaitEstimate {
  /** A sequence became free. */
  served(): void;
  /** For a call behind so many others, ms. */
  waitMs(ahead: number): number;
}

const leastMs = 1000;
const mostMs = 60_000;
/** Weight of the newest interval in the moving average. */
const weight = 0.2;

/** An estimate for a model with so many sequences. */
export function waitEstimate(sequences: number): WaitEstimate {
  let lastMs: number | undefined;
  let intervalMs = leastMs / sequences;
  return {
    served() {
      const nowMs = performance.now();
      if (lastMs !== undefined) intervalMs += weight * (Math.min(nowMs - lastMs, mostMs) - intervalMs);
      lastMs = nowMs;
    },
    waitMs: (ahead) => Math.round(Math.min(mostMs, Math.max(leastMs, intervalMs * (ahead + 1)))),
  };
}
