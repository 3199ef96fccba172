import type { Reason } from "../../core/reasons.ts";
import type { Play } from "../upstream/parley.ts";
import type { Turn } from "../upstream/turn.ts";

/** How an upstream is asked. */
export type Dialect = "openai" | "anthropic" | "ollama" | "parley";
/** How Parley is asked. */
export type Door = "grpc" | "rest";
/** Whether the answer is read as it comes. */
export type Mode = "stream" | "unary";

/** What must become of a call to a route whose first target has a fault. */
export interface Expected {
  /** Of the error; undefined: it is served. */
  readonly reason?: Reason;
  /** Whether content came before the error. */
  readonly isBroken?: boolean;
  /** Attempts at the faulty target: requests that it gets. */
  readonly asked: number;
  /** Whether the second target serves, where there is one: the answer then says so. */
  readonly isFallback?: boolean;
  /** Whether the error says when to try again. */
  readonly tellsWhen?: boolean;
}

/** The same for a route with the faulty target alone, and for one with a second that is well. */
export interface Outcomes {
  readonly alone: Expected;
  readonly paired: Expected;
}

/** One fault, and what must become of it. */
export interface WallRow {
  readonly name: string;
  /** Whether nobody listens where it should be: its requests come nowhere. */
  readonly isAway?: boolean;
  /** Whether the fault is silence, before the first content or after it: the target's limits are small then. */
  readonly silence?: "early" | "late";
  readonly stream: Outcomes;
  readonly unary: Outcomes;
  /** Where a format differs. */
  readonly but?: Partial<Record<Dialect, { readonly stream?: Outcomes; readonly unary?: Outcomes }>>;
  /** Formats that have it; default: all. */
  readonly dialects?: readonly Dialect[];
}

/** `limits.maxAttempts` of the wall's service. */
export const mostAttempts = 4;
/** How often a call asks one target that limits its rate. */
export const mostLimited = 3;

/** A fault of an upstream behind HTTP. */
export interface HttpRow extends WallRow {
  /** By number of the request; the last for all further ones. */
  readonly turns: readonly Turn[];
}

/** A fault of another Parley. */
export interface ParleyRow extends WallRow {
  /** Given how it is asked, and the number of the call. */
  readonly play: (mode: Mode, number: number) => ReturnType<Play>;
}

/** It is served as if nothing were, after so many requests. */
export function served(asked = 1): Outcomes {
  return { alone: { asked }, paired: { asked } };
}

/** It moves on to the second target: `alone` and `paired` are the requests that the first gets. */
export function movesOn(
  reason: Reason,
  given: { readonly alone?: number; readonly paired?: number; readonly tellsWhen?: boolean } = {},
): Outcomes {
  const { alone = 1, paired = alone, tellsWhen = false } = given;
  return { alone: { reason, asked: alone, tellsWhen }, paired: { asked: paired, isFallback: true } };
}

/** It fails at once, second target or not. */
export function ends(reason: Reason): Outcomes {
  return { alone: { reason, asked: 1 }, paired: { reason, asked: 1 } };
}

/** It fails after it had started, second target or not. */
export function breaks(reason: Reason): Outcomes {
  return { alone: { reason, asked: 1, isBroken: true }, paired: { reason, asked: 1, isBroken: true } };
}
