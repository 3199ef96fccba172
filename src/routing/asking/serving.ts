import type { CallContext } from "../../core/context.ts";
import type { Log } from "../../core/ports.ts";
import type { Reason } from "../../core/reasons.ts";
import type { Stop, Target } from "../../core/targets.ts";
import type { Kind, Served, Serves } from "../../core/work.ts";
import type { Attempt } from "./attempts.ts";
import type { HedgeShares } from "./hedge-shares.ts";
import type { Leg } from "../choosing/candidates.ts";
import type { Itinerary, ItineraryOptions } from "../choosing/itinerary.ts";
import { isSibling } from "../choosing/order.ts";
import type { RunScope } from "../run.ts";
import { unnamed } from "../naming/remote-targets.ts";
import { named } from "../targets/target-states.ts";

/** What a run needs beside its call. */
export interface RunningOptions extends ItineraryOptions {
  readonly log: Log;
  readonly hedges: HedgeShares;
}

/** One run of a call over its stops. */
export interface RunPlan<Request, Event> {
  readonly kind: Kind<Request, Event>;
  readonly context: CallContext;
  readonly scope: RunScope;
  readonly itinerary: Itinerary<Request, Event>;
  /** Where it begins. */
  readonly leg: Leg<Request, Event>;
  /** The stop that is the route's first in this call, whether or not it is asked. */
  readonly first: Stop;
}

/** What a run's caller is told of the attempt that serves. */
export class Serving<Request, Event> implements Serves {
  readonly #plan: RunPlan<Request, Event>;
  readonly #options: RunningOptions;
  #attempt: Attempt<Request, Event> | undefined;
  #firstContentMs: number | undefined;

  constructor(plan: RunPlan<Request, Event>, options: RunningOptions) {
    this.#plan = plan;
    this.#options = options;
  }

  /** An attempt has started; `failure` is why the first of its call did not, if it failed. */
  start(attempt: Attempt<Request, Event>, failure: Reason | undefined): void {
    const { context, scope, first, leg } = this.#plan;
    const { stop } = attempt.candidate;
    this.#attempt = attempt;
    context.record.target = stop.target;
    if (!isSibling(first, stop)) this.#tellFallback(stop, failure ?? (attempt.candidate === leg.candidate ? "passed_over" : "slow"));
    scope.onServing?.(stop);
  }

  /** An event as the caller gets it. */
  change(event: Event): Event {
    const { kind } = this.#plan;
    if (this.#firstContentMs === undefined && kind.isContent(event)) this.#firstContentMs = this.#options.clock.now();
    return kind.served(event, this);
  }

  nowMs(): number {
    return this.#options.clock.now();
  }

  served(): Served {
    const { context, scope, first } = this.#plan;
    const { record, startedMs } = context;
    const { attempts, retries, isRateLimited, isHedged } = record;
    const { candidate, number: attempt } = this.#attempt!;
    const { target, isOtherModel } = candidate.stop;
    return {
      name: isOtherModel ? nameOf(target) : scope.destination.name,
      provider: target.provider,
      model: target.model,
      attempt,
      attempts,
      retries,
      isFallback: !isSibling(first, candidate.stop),
      isRateLimited,
      isHedged,
      startedMs,
      firstContentMs: this.#firstContentMs,
    };
  }

  #tellFallback({ target }: Stop, reason: Reason | "slow" | "passed_over"): void {
    const { log, observer } = this.#options;
    const { provider, model } = this.#plan.first.target;
    const { requestId } = this.#plan.context;
    log.warn("a fallback serves", { requestId, ...named(target), reason, insteadOf: `${provider}/${model}` });
    observer.fellBack(target, reason);
  }
}

/** What another model than the one that was asked for is called: by its upstream where that chooses it. */
function nameOf({ model, provider }: Target): string {
  return model === unnamed ? provider : model;
}
