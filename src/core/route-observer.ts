import type { Reason } from "./reasons.ts";

/** A target by names that are safe as metric labels. */
export interface TargetName {
  readonly provider: string;
  readonly label: string;
}

/** What routing reports, for metrics. */
export interface RouteObserver {
  /** A target may be asked from now on. */
  known(target: TargetName): void;
  /** How many calls wait for a place at an upstream now. */
  waiting(provider: string, count: number): void;
  /** A further attempt is made at a target, since one at it or another failed: for what reason. */
  further(target: TargetName, reason: Reason): void;
  /** A target is asked again at once, without what it has refused and the caller can do without. */
  conceded(target: TargetName): void;
  /** A second attempt is made beside a first that is slow. */
  hedged(target: TargetName): void;
  /** Another than the route's first target serves: why; `slow`: a hedge was faster, `passed_over`: it was not even asked. */
  fellBack(target: TargetName, reason: Reason | "slow" | "passed_over"): void;
  /** A further attempt was not made: its upstream's budget was spent, or its wait did not fit. */
  withheld(target: TargetName, reason: "budget" | "wait"): void;
  /** The circuit breaker of one of its keys has opened or closed. */
  circuit(target: TargetName, state: "open" | "closed"): void;
  /** One of its keys was refused, and comes last for a while. */
  retired(target: TargetName): void;
  /** An answer of it broke off, and this became of going on with it: `continued`, `restarted`, `differs` or `failed`. */
  rescued(target: TargetName, outcome: string): void;
}

/** Reports nothing. */
export const noRouteObserver: RouteObserver = {
  known() {},
  waiting() {},
  further() {},
  conceded() {},
  hedged() {},
  fellBack() {},
  withheld() {},
  circuit() {},
  retired() {},
  rescued() {},
};
