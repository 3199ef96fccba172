import type { ConnectError } from "@connectrpc/connect";
import type { CallContext } from "../../core/context.ts";
import { metadataOf } from "../../core/error-facts.ts";
import { refusedFields } from "../../core/fields.ts";
import type { Limits } from "../../core/limits.ts";
import type { Clock } from "../../core/ports.ts";
import { fault, fieldsFault, reasonOf, reasons, retryAfterMsOf } from "../../core/reasons.ts";
import type { RouteObserver } from "../../core/route-observer.ts";
import type { Stop } from "../../core/targets.ts";
import type { Kind } from "../../core/work.ts";
import { AskingLess } from "./asking-less.ts";
import { backoffMs } from "./backoff.ts";
import { candidateFor, restOf, type Candidate, type DeadEnd, type Leg } from "./candidates.ts";
import { isSibling } from "./order.ts";
import type { RetryBudget } from "../targets/retry-budget.ts";
import { isOfTheKey, ruleOf, type Rule } from "../targets/rules.ts";
import type { TargetStates } from "../targets/target-states.ts";

/** How often a call asks a target again that limits its rate. */
const repeatsInTurn = 2;

/** What the choice of a call's next target needs. */
export interface ItineraryOptions {
  readonly clock: Clock;
  readonly limits: Limits;
  readonly states: TargetStates;
  readonly observer: RouteObserver;
  /** From 0 up to 1. */
  readonly random: () => number;
}

/** The stops of one call that are left, in the order in which they are asked. */
export class Itinerary<Request, Event> {
  readonly #kind: Kind<Request, Event>;
  readonly #request: Request;
  readonly #context: CallContext;
  readonly #options: ItineraryOptions;
  /** Made for the first target that something is known of. */
  #less: AskingLess<Request, Event> | undefined;
  #left: Candidate<Request, Event>[];
  /** Whether this run has made an attempt: however many the call has made before, it may make one. */
  #hasBegun = false;
  /** Whether the next attempt is a further one, which a budget pays for. */
  #isFurther: boolean;
  /** Faults of each upstream in this call, for the pause before the next attempt at it. */
  #faults: Map<string, number> | undefined;
  #refusal: ConnectError | undefined;

  constructor(
    work: { readonly kind: Kind<Request, Event>; readonly request: Request; readonly context: CallContext; readonly isFurther: boolean },
    stops: readonly Stop[],
    options: ItineraryOptions,
  ) {
    this.#kind = work.kind;
    this.#request = work.request;
    this.#context = work.context;
    this.#isFurther = work.isFurther;
    this.#options = options;
    const isCallersKey = work.context.upstreamKey !== undefined;
    this.#left = stops.map((stop) => candidateFor(stop, options.states.stateOf(stop.target), isCallersKey));
    if (!isCallersKey && stops.length > 1) this.#sickLast();
  }

  /** Why the first stop that cannot do what is asked cannot. */
  get refusal(): ConnectError | undefined {
    return this.#refusal;
  }

  /** The next target, and the wait before it; it is paid for. Those that cannot do what is asked are passed over. */
  next(): Leg<Request, Event> | DeadEnd {
    const { clock, limits } = this.#options;
    if (this.#hasBegun && this.#context.record.attempts >= limits.maxAttempts)
      return { because: `limits.maxAttempts is ${limits.maxAttempts}`, retryAfterMs: undefined };
    const nowMs = clock.now();
    let because = "";
    for (const candidate of this.#left) {
      if (!this.#isCapable(candidate) || restOf(candidate) > nowMs) continue;
      const leg = this.#take(candidate, 0, nowMs);
      if ("candidate" in leg) return leg;
      because ||= leg.because;
    }
    return this.#soonest(because, nowMs);
  }

  /** The target that rests for the shortest time, when all that are left do. */
  #soonest(because: string, nowMs: number): Leg<Request, Event> | DeadEnd {
    const resting = this.#left.filter((each) => restOf(each) > nowMs);
    const [first] = resting;
    if (first === undefined) return { because, retryAfterMs: undefined };
    const soonest = resting.reduce((best, each) => (restOf(each) < restOf(best) ? each : best), first);
    const retryAfterMs = restOf(soonest) - nowMs;
    const leg = this.#take(soonest, retryAfterMs, nowMs);
    return "candidate" in leg ? leg : { because: because || leg.because, retryAfterMs };
  }

  /** A stop to ask beside the one that is being asked, at once; undefined: none may be. */
  beside(running: Candidate<Request, Event>): Candidate<Request, Event> | undefined {
    const { clock, limits } = this.#options;
    if (this.#context.record.attempts >= limits.maxAttempts) return undefined;
    const nowMs = clock.now();
    for (const candidate of this.#left) {
      if (candidate === running || !this.#isCapable(candidate) || restOf(candidate) > nowMs) continue;
      if (candidate.state !== undefined && this.#options.states.isSick(candidate.stop.target)) continue;
      if (candidate.budget?.further() !== false) return candidate;
    }
    return undefined;
  }

  /** Learns from a failed attempt. False: the error ends the call. */
  failed(candidate: Candidate<Request, Event>, error: ConnectError): boolean {
    if (this.#asking().concedes(candidate, error)) {
      this.#left = [candidate, ...this.#left.filter((each) => each !== candidate)];
      return true;
    }
    const rule = ruleOf(error);
    if (rule === undefined) {
      this.#left = this.#left.filter(({ stop }) => !isSibling(stop, candidate.stop)); // it would refuse again, with any key
      return false;
    }
    if (rule.isLoad) this.#isFurther = true;
    this.#remember(candidate, error);
    this.#reorder(candidate, rule);
    const reason = reasonOf(error);
    if (reason === "context_length_exceeded") this.#largerOnly(candidate, error);
    if (isOfTheKey(error) && candidate.state !== undefined) this.#sickLast(); // what else there is for that key
    return true;
  }

  /** For how long its upstream is not to be asked, and how often it has failed. */
  #remember(candidate: Candidate<Request, Event>, error: ConnectError): void {
    const { provider } = candidate.stop.target;
    const { retryable, fault: whose } = reasons[reasonOf(error)];
    if (retryable) (this.#faults ??= new Map()).set(provider, (this.#faults.get(provider) ?? 0) + 1);
    const waitMs = whose === "provider" ? retryAfterMsOf(error) : undefined;
    if (waitMs !== undefined) candidate.notBeforeMs = Math.max(candidate.notBeforeMs, this.#options.clock.now() + waitMs);
  }

  #reorder(candidate: Candidate<Request, Event>, { again, siblings: when }: Rule): void {
    const isSpent = again === "never" || candidate.attempts > (again === "in turn" ? repeatsInTurn : 1);
    const rest = this.#left.filter((each) => each !== candidate);
    const once = isSpent ? [] : [candidate];
    if (when === "in turn") {
      this.#left = [...rest, ...once];
      return;
    }
    const others = rest.filter((each) => !isSibling(each.stop, candidate.stop));
    // Once one of its keys has been asked again, those that have failed are not.
    const isLeft = (each: Candidate<Request, Event>) =>
      isSibling(each.stop, candidate.stop) && (candidate.attempts < 2 || each.attempts === 0);
    const siblings = when === "last" ? rest.filter(isLeft) : [];
    this.#left = again === "next" ? [...once, ...others, ...siblings] : [...others, ...siblings, ...once];
  }

  #sickLast(): void {
    const isSick = ({ stop }: Candidate<Request, Event>) => this.#options.states.isSick(stop.target);
    if (!this.#left.some(isSick)) return;
    const sick = this.#left.filter(isSick);
    this.#left = [...this.#left.filter((each) => !sick.includes(each)), ...sick];
  }

  /** A prompt that was too long for one is asked only of those whose context is larger, or unknown. */
  #largerOnly({ stop }: Candidate<Request, Event>, error: ConnectError): void {
    const told = Number(metadataOf(error)["context_length"] ?? Number.NaN);
    const length = Number.isFinite(told) ? told : stop.contextLength;
    if (length === undefined) return;
    this.#left = this.#left.filter((each) => each.stop.contextLength === undefined || each.stop.contextLength > length);
  }

  #asking(): AskingLess<Request, Event> {
    return (this.#less ??= new AskingLess({ kind: this.#kind, own: this.#request, offered: this.#context.concessions }));
  }

  /** Whether a stop can do what is asked; one that cannot is left out from now on. */
  #isCapable(candidate: Candidate<Request, Event>): boolean {
    if (candidate.work !== undefined) return true;
    const { target, fill } = candidate.stop;
    const kind = this.#kind;
    const filled = fill === undefined ? this.#request : kind.withChat(this.#request, fill);
    const chat = kind.chatOf(filled);
    candidate.work = target.workOf(kind);
    const refused = candidate.work === undefined || chat === undefined ? [] : refusedFields(chat, target.fields);
    const isAsIs = refused.length === 0 && candidate.state === undefined;
    const asked = candidate.work && (isAsIs ? filled : this.#asking().askable(candidate, filled, refused));
    if (asked !== undefined) {
      candidate.asked = kind.withModel(asked, target.model);
      return true;
    }
    this.#refusal ??=
      candidate.work === undefined
        ? fault("unimplemented", `${target.provider} cannot do ${kind.operation}`)
        : fieldsFault("unsupported_field", refused, { provider: target.provider });
    candidate.work = undefined;
    this.#left = this.#left.filter((each) => each !== candidate);
    return false;
  }

  /** Pays for an attempt, if its wait fits and its upstream's budget has something left. */
  #take(candidate: Candidate<Request, Event>, restMs: number, nowMs: number): Leg<Request, Event> | DeadEnd {
    const { observer } = this.#options;
    const { target } = candidate.stop;
    // Those who waited for the same instant do not come all at once.
    const pauseMs = this.#pauseMs(target.provider, restMs > 0 ? 1 : 0);
    if (!this.#fits(restMs, pauseMs, nowMs)) {
      observer.withheld(target, "wait");
      return { because: `${target.provider} cannot be asked again in time`, retryAfterMs: undefined };
    }
    if (!this.#pays(candidate, restMs > 0)) {
      observer.withheld(target, "budget");
      return { because: `the retry budget of ${target.provider} is spent`, retryAfterMs: undefined };
    }
    this.#hasBegun = true;
    return { candidate, waitMs: restMs + pauseMs };
  }

  #fits(restMs: number, pauseMs: number, nowMs: number): boolean {
    const waitMs = restMs + pauseMs;
    if (waitMs === 0) return true;
    return Math.max(restMs, pauseMs) <= this.#options.limits.retryWaitMs && nowMs + waitMs < (this.#context.deadlineMs ?? Infinity);
  }

  /** A call that was put off comes on top of those that come by then: it is paid for like a further attempt. One that asks for less has been counted already, and repeats nothing. */
  #pays({ budget, isConceded }: Candidate<Request, Event>, isPutOff: boolean): boolean {
    if (isConceded) return true;
    if ((this.#isFurther || isPutOff) && budget?.further() === false) return false;
    if (this.#isFurther) return true;
    budget?.first();
    if (!this.#hasBegun && this.#left.length > 1) this.#tellElsewhere(budget);
    return true;
  }

  /** Tells the other upstreams of a call that has begun, and may come to them. */
  #tellElsewhere(own: RetryBudget | undefined): void {
    for (const [index, { budget }] of this.#left.entries())
      if (budget !== undefined && budget !== own && this.#left.findIndex((each) => each.budget === budget) === index) budget.elsewhere();
  }

  #pauseMs(provider: string, least: number): number {
    const faults = Math.max(least, this.#faults?.get(provider) ?? 0);
    return faults === 0 ? 0 : backoffMs(faults, this.#options.random, this.#options.limits);
  }
}
