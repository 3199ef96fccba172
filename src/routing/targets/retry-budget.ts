import type { Clock } from "../../core/ports.ts";

/** One further attempt is paid by so many calls: 20 %. */
const callsPerFurther = 5;
/** Further attempts a second that are always allowed. */
const floorPerSecond = 3;
/** What a quiet upstream saves up of them, in seconds: as much as Finagle's budget remembers. */
const savedSeconds = 10;
/** How deep the accounts may sink below nothing: deeper than any burst takes them, so that what is spent out of one is missing in the other, and shallow enough to come back from. */
const mostDebt = 60;

/** How many further attempts an upstream has to bear. */
export interface RetryBudget {
  /** A call makes its first attempt here. */
  first(): void;
  /** A call that may come here makes its first attempt elsewhere. */
  elsewhere(): void;
  /** Whether a call that has made an attempt already, here or elsewhere, may make one here; pays for it. */
  further(): boolean;
}

/**
 * The larger of 20 % of an upstream's calls and 3 a second, as accounts that every further attempt is drawn from: it is allowed while any of them is above nothing.
 * So the load on an upstream that fails for ever is at most 1.2 times its calls, once these outweigh what a quiet time has saved up.
 * Its calls are those that begin here or, if they are more, those that begin elsewhere and may come here: a fallback that nobody asks first may take over all that its routes bring.
 */
export function retryBudget(clock: Clock): RetryBudget {
  const full = floorPerSecond * savedSeconds;
  let earned = 0; // in calls
  let free = 0; // calls that began elsewhere and could have come here, less all that did
  let floor = full;
  let atMs = clock.now();
  const take = () => void (free = Math.max(free - 1, -mostDebt));
  return {
    first() {
      if (earned < callsPerFurther) earned++;
      take();
    },
    elsewhere() {
      free = Math.min(free + 1, full);
    },
    further() {
      const nowMs = clock.now();
      floor = Math.min(full, floor + ((nowMs - atMs) / 1000) * floorPerSecond);
      atMs = nowMs;
      if (earned < callsPerFurther && free < 1 && floor < 1) return false;
      earned = Math.max(earned - callsPerFurther, -mostDebt * callsPerFurther);
      floor = Math.max(floor - 1, -mostDebt);
      take();
      return true;
    },
  };
}
