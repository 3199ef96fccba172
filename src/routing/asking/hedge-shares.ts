import type { Destination } from "../../core/targets.ts";

/** How much of a route's calls may be hedged. */
export interface HedgeShare {
  /** Whether one more may be. */
  isOpen(): boolean;
  /** One is. */
  take(): void;
}

/** The shares of all routes, by the settings of each, whatever names lead to it: hedged calls are never more than their percent of the calls so far. */
export interface HedgeShares {
  /** The share of a route, on which one more call is counted. */
  of(hedge: NonNullable<Destination["hedge"]>): HedgeShare;
}

/** A quiet route saves up no more than this. */
const mostSaved = 10;

/** Starts with nothing. */
export function hedgeShares(): HedgeShares {
  const earned = new WeakMap<object, number>(); // in percents of a hedged call
  return {
    of(hedge) {
      earned.set(hedge, Math.min(mostSaved * 100, (earned.get(hedge) ?? 0) + hedge.percent));
      return {
        isOpen: () => (earned.get(hedge) ?? 0) >= 100,
        take: () => void earned.set(hedge, (earned.get(hedge) ?? 0) - 100),
      };
    },
  };
}
