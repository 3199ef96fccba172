import type { Stop } from "../../core/targets.ts";
import type { Work } from "../../core/work.ts";
import type { RetryBudget } from "../targets/retry-budget.ts";
import type { TargetState } from "../targets/target-states.ts";

/** A stop with what it was asked, and what came of it in this call. */
export interface Candidate<Request, Event> {
  readonly stop: Stop;
  /** Undefined: on this machine, or asked with the caller's own key, of which nothing is remembered. */
  readonly state: TargetState | undefined;
  /** Undefined: on this machine. */
  readonly budget: RetryBudget | undefined;
  /** The request as it is asked here. */
  asked: Request | undefined;
  work: Work<Request, Event> | undefined;
  /** Attempts at it in this call, without those that were asked again for less. */
  attempts: number;
  /** Whether it is to be asked for less than it has just refused: that repeats no attempt. */
  isConceded: boolean;
  /** Its upstream does not want to be asked before. */
  notBeforeMs: number;
}

/** A stop of which nothing has been asked in this call. */
export function candidateFor<Request, Event>(stop: Stop, state: TargetState | undefined, isCallersKey: boolean): Candidate<Request, Event> {
  return {
    stop,
    state: isCallersKey ? undefined : state,
    budget: state?.budget,
    asked: undefined,
    work: undefined,
    attempts: 0,
    isConceded: false,
    notBeforeMs: 0,
  };
}

/** Where to go next. */
export interface Leg<Request, Event> {
  readonly candidate: Candidate<Request, Event>;
  /** How long to wait before it, ms. */
  readonly waitMs: number;
}

/** Why there is no next target. */
export interface DeadEnd {
  /** For people; empty when all were asked. */
  readonly because: string;
  /** When the first of them may be asked again, ms; undefined: nobody said. */
  readonly retryAfterMs: number | undefined;
}

/** The instant before which its upstream does not want to be asked, ms since the epoch. */
export function restOf<Request, Event>({ notBeforeMs, state }: Candidate<Request, Event>): number {
  return Math.max(notBeforeMs, state?.restUntilMs ?? 0);
}
