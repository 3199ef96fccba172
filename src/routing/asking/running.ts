import type { ConnectError } from "@connectrpc/connect";
import { asFault, fault, reasonOf } from "../../core/reasons.ts";
import { abortFault, linkSignal, type LinkedSignal } from "../../core/signals.ts";
import type { ReadyIterator } from "../../core/stages.ts";
import type { Destination } from "../../core/targets.ts";
import { Attempt, nothingCame, type Arrival } from "./attempts.ts";
import { sleepUntil } from "../choosing/backoff.ts";
import { Failures } from "./failures.ts";
import type { Candidate, Leg } from "../choosing/candidates.ts";
import { Rivals } from "./rivals.ts";
import { Serving, type RunningOptions, type RunPlan } from "./serving.ts";

const over = { done: true, value: undefined } as const;

/** The events of one run: of one attempt after the other until one has started, then of that one alone, whose promises are forwarded. */
export class Running<Request, Event> implements AsyncIterable<Event>, ReadyIterator<Event> {
  readonly #plan: RunPlan<Request, Event>;
  readonly #options: RunningOptions;
  /** Made for the first. */
  #failures: Failures | undefined;
  readonly #serving: Serving<Request, Event>;
  /** Where to begin; undefined once it has begun. */
  #leg: Leg<Request, Event> | undefined;
  /** The newest; the one that serves once it has started. */
  #attempt: Attempt<Request, Event> | undefined;
  #rivals: Rivals<Request, Event> | undefined;
  #noted: { readonly attempt: Attempt<Request, Event>; readonly goesOn: boolean } | undefined;
  #hasStarted = false;
  #isOver = false;
  /** What the first attempt threw when it was looked at without being waited for. */
  #early: { readonly error: unknown } | undefined;
  #nap: LinkedSignal | undefined;

  constructor(plan: RunPlan<Request, Event>, options: RunningOptions) {
    this.#plan = plan;
    this.#options = options;
    this.#leg = plan.leg;
    this.#serving = new Serving(plan, options);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Event>> {
    const attempt = this.#attempt;
    if (attempt !== undefined && this.#hasStarted) return attempt.next();
    if (this.#isOver) return Promise.resolve(over);
    if (attempt === undefined) return this.#begin();
    const failure = this.#early;
    this.#early = undefined;
    return failure === undefined ? this.#first(attempt) : this.#recover(attempt, failure.error);
  }

  ready(): IteratorResult<Event> | undefined {
    if (this.#hasStarted) return this.#attempt?.ready();
    const attempt = this.#attempt ?? this.#beginNow();
    if (attempt === undefined || this.#rivals !== undefined || this.#isOver) return undefined;
    try {
      const result = attempt.ready();
      return result === undefined || result.done === true ? undefined : this.#told(attempt, result);
    } catch (error) {
      this.#early = { error }; // for `next`, which can ask others
      return undefined;
    }
  }

  async return(): Promise<IteratorResult<Event>> {
    this.#isOver = true;
    this.#nap?.abort(fault("caller_gone", "the caller went away"));
    await (this.#rivals?.leave() ?? this.#attempt?.leave());
    return over;
  }

  #begin(): Promise<IteratorResult<Event>> {
    const attempt = this.#beginNow();
    if (attempt !== undefined) return this.#first(attempt);
    const leg = this.#leg;
    this.#leg = undefined;
    return leg === undefined ? Promise.resolve(over) : this.#travel(leg);
  }

  /** The first attempt, unless it has to be waited for. */
  #beginNow(): Attempt<Request, Event> | undefined {
    const leg = this.#leg;
    if (leg === undefined || leg.waitMs > 0 || this.#isOver) return undefined;
    this.#leg = undefined;
    const { scope } = this.#plan;
    const { hedge } = scope.destination;
    const isHedged = hedge !== undefined && !scope.isContinuation;
    const attempt = this.#ask(leg.candidate, isHedged);
    if (isHedged) this.#rivals = this.#contest(attempt, hedge);
    return attempt;
  }

  #ask(candidate: Candidate<Request, Event>, isHedged: boolean): Attempt<Request, Event> {
    const attempt = new Attempt({
      candidate,
      context: this.#plan.context,
      states: this.#options.states,
      isHedged,
      serving: this.#serving,
    });
    this.#attempt = attempt;
    return attempt;
  }

  /** What comes next before anything has started: progress, a start, or a failure, after which others are asked. */
  #first(attempt: Attempt<Request, Event>): Promise<IteratorResult<Event>> {
    if (this.#rivals !== undefined) return this.#rivals.next().then((arrival) => this.#arrived(arrival));
    return attempt.next().then(
      (result) => this.#brought(attempt, result),
      (error: unknown) => this.#recover(attempt, error),
    );
  }

  #arrived(arrival: Arrival<Request, Event>): IteratorResult<Event> | Promise<IteratorResult<Event>> {
    const { attempt } = arrival;
    return "result" in arrival ? this.#brought(attempt, arrival.result) : this.#recover(attempt, arrival.error);
  }

  #brought(attempt: Attempt<Request, Event>, result: IteratorResult<Event>): IteratorResult<Event> | Promise<IteratorResult<Event>> {
    if (result.done === true) return this.#isOver ? over : this.#recover(attempt, nothingCame(attempt));
    return this.#told(attempt, result);
  }

  /** An event of an attempt that had not started before it. */
  #told(attempt: Attempt<Request, Event>, result: IteratorYieldResult<Event>): IteratorResult<Event> {
    if (this.#plan.kind.isProgress(result.value)) return result;
    this.#start(attempt);
    return { done: false, value: this.#serving.change(result.value) };
  }

  async #recover(attempt: Attempt<Request, Event>, thrown: unknown): Promise<IteratorResult<Event>> {
    this.#rivals = undefined;
    const { signal } = this.#plan.context;
    const goesOn = this.#note(attempt, thrown);
    if (this.#isOver) return over;
    if (signal.aborted) throw this.#ended(abortFault(signal));
    if (!goesOn) throw this.#ended(this.#failed().final());
    const leg = this.#plan.itinerary.next();
    if (!("candidate" in leg)) throw this.#ended(this.#failed().told(leg));
    const { isConceded, stop } = leg.candidate;
    if (isConceded) this.#options.observer.conceded(stop.target);
    else this.#options.observer.further(stop.target, this.#failed().lastReason());
    return this.#travel(leg);
  }

  #failed(): Failures {
    return (this.#failures ??= new Failures());
  }

  /** Learns from a failed attempt, once. False: its error ends the call. */
  #note(attempt: Attempt<Request, Event>, thrown: unknown): boolean {
    if (this.#noted?.attempt === attempt) return this.#noted.goesOn;
    const { context, itinerary } = this.#plan;
    attempt.failed(asFault(thrown));
    const error = context.signal.aborted ? abortFault(context.signal) : asFault(thrown);
    this.#failed().add(attempt.number, attempt.candidate.stop, error);
    if (reasonOf(error) === "provider_rate_limited") context.record.isRateLimited = true;
    const goesOn = itinerary.failed(attempt.candidate, error);
    this.#noted = { attempt, goesOn };
    return goesOn;
  }

  async #travel({ candidate, waitMs }: Leg<Request, Event>): Promise<IteratorResult<Event>> {
    if (waitMs > 0) await this.#sleep(waitMs);
    return this.#isOver ? over : this.#first(this.#ask(candidate, false));
  }

  async #sleep(ms: number): Promise<void> {
    const { clock } = this.#options;
    const nap = linkSignal(this.#plan.context.signal);
    this.#nap = nap;
    try {
      await sleepUntil(clock.now() + ms, clock, nap.signal);
    } catch (error) {
      if (!this.#isOver) throw this.#ended(asFault(error));
    } finally {
      nap.release();
      this.#nap = undefined;
    }
  }

  #ended(error: ConnectError): ConnectError {
    this.#isOver = true;
    return error;
  }

  #start(attempt: Attempt<Request, Event>): void {
    this.#rivals = undefined;
    this.#attempt = attempt;
    this.#hasStarted = true;
    attempt.started();
    this.#serving.start(attempt, this.#failures?.firstReason());
  }

  /** Lets a second attempt run beside the first, should that be slow. */
  #contest(first: Attempt<Request, Event>, hedge: NonNullable<Destination["hedge"]>): Rivals<Request, Event> {
    const { clock, hedges, observer } = this.#options;
    const { itinerary, kind, context } = this.#plan;
    const share = hedges.of(hedge);
    return new Rivals(first, {
      clock,
      afterMs: hedge.afterMs,
      isProgress: (event) => kind.isProgress(event),
      second: () => {
        const candidate = share.isOpen() ? itinerary.beside(first.candidate) : undefined;
        if (candidate === undefined) return undefined;
        share.take();
        context.record.isHedged = true;
        observer.hedged(candidate.stop.target);
        return this.#ask(candidate, true);
      },
      // What the second has to say against a request must not end the first, which may be of another mind.
      failed: (attempt, error) => this.#note(attempt, error) || attempt !== first,
    });
  }
}
