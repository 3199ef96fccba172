import type { Clock } from "../core/ports.ts";

/** One further attempt is paid by so many calls: 20 %. */
const callsPerFurther = 5;
/** Further attempts a second that are always allowed. */
const floorPerSecond = 3;
/** What a quiet upstream saves up of them, in seconds: as much as Finagle's budget remembers. */
const savedSeconds = 10;
/** How deep both accounts may sink below nothing: deeper than any burst takes them, so that what is spent out of one is missing in the other, and shallow enough to come back from. */
const mostDebt = 60;

/** How many further attempts an upstream has to bear. */
export interface RetryBudget {
  /** A call makes its first attempt here. */
  first(): void;
  /** Whether a call that has made an attempt already, here or elsewhere, may make one here; pays for it. */
  further(): boolean;
}

/**
 * The larger of 20 % of an upstream's calls and 3 a second, as two accounts that every further attempt is drawn from: it is allowed while either of them is above nothing.
 * So the load on an upstream that fails for ever is at most 1.2 times its calls, once these outweigh what a quiet time has saved up.
 */
export function retryBudget(clock: Clock): RetryBudget {
  const full = floorPerSecond * savedSeconds;
  let earned = 0; // in calls
  let floor = full;
  let atMs = clock.now();
  return {
    first() {
      if (earned < callsPerFurther) earned++;
    },
    further() {
      const nowMs = clock.now();
      floor = Math.min(full, floor + ((nowMs - atMs) / 1000) * floorPerSecond);
      atMs = nowMs;
      if (earned < callsPerFurther && floor < 1) return false;
      earned = Math.max(earned - callsPerFurther, -mostDebt * callsPerFurther);
      floor = Math.max(floor - 1, -mostDebt);
      return true;
    },
  };
}
