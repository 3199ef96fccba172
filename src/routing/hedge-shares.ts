import type { Target } from "../core/targets.ts";

/** How much of a route's calls may be hedged. */
export interface HedgeShare {
  /** Whether one more may be. */
  isOpen(): boolean;
  /** One is. */
  take(): void;
}

/** The shares of all routes, by the first target of each: hedged calls are never more than the given percent of the calls so far. */
export interface HedgeShares {
  /** The share of a route, on which one more call is counted. */
  of(first: Target, percent: number): HedgeShare;
}

/** A quiet route saves up no more than this. */
const mostSaved = 10;

/** Starts with nothing. */
export function hedgeShares(): HedgeShares {
  const earned = new WeakMap<Target, number>(); // in percents of a hedged call
  return {
    of(first, percent) {
      earned.set(first, Math.min(mostSaved * 100, (earned.get(first) ?? 0) + percent));
      return {
        isOpen: () => (earned.get(first) ?? 0) >= 100,
        take: () => void earned.set(first, (earned.get(first) ?? 0) - 100),
      };
    },
  };
}
