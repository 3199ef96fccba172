import type { ConnectError } from "@connectrpc/connect";
import type { CallContext, CallRecord } from "../../core/context.ts";
import { asFault, fault, reasonOf } from "../../core/reasons.ts";
import { abortFault, beaten, linkSignal, type LinkedSignal } from "../../core/signals.ts";
import { isUnsent } from "../../core/unsent.ts";
import { Stage, type Outcome, type ReadyIterator } from "../../core/stages.ts";
import type { Trial } from "../targets/circuit.ts";
import type { Candidate } from "../choosing/candidates.ts";
import { isTargetsFault, type TargetStates } from "../targets/target-states.ts";

/** Changes each event of an answer that follows the one with which it started. */
interface Changes<Event> {
  change(event: Event): Event;
}

/** What an attempt is made with. */
export interface AttemptOptions<Request, Event> {
  readonly candidate: Candidate<Request, Event>;
  readonly context: CallContext;
  readonly states: TargetStates;
  /** Whether it may be ended without its call. */
  readonly isHedged: boolean;
  readonly serving: Changes<Event>;
}

/** One attempt at a target: begun when it is made, and ended exactly once. It tells the target's state how it went. It reads itself: `next` and `ready` are for its consumer, and to iterate it would ask the target again. */
export class Attempt<Request, Event> extends Stage<Event> {
  readonly candidate: Candidate<Request, Event>;
  /** From 1, over all targets of the call. */
  readonly number: number;
  /** The answer to the last `next`, where several attempts are waited for. */
  pending: Promise<Arrival<Request, Event>> | undefined;
  readonly #states: TargetStates;
  readonly #record: CallRecord;
  readonly #counted: Counted;
  readonly #context: CallContext;
  readonly #serving: AttemptOptions<Request, Event>["serving"];
  readonly #iterator: ReadyIterator<Event>;
  readonly #link: LinkedSignal | undefined;
  readonly #trial: Trial | undefined;
  /** Whether it finds out if its upstream limits the target's rate still. */
  readonly #isTried: boolean;
  #hasStarted = false;
  #hasLearned = false;
  #isOver = false;

  constructor({ candidate, context, states, isHedged, serving }: AttemptOptions<Request, Event>) {
    super();
    const { record } = context;
    this.candidate = candidate;
    this.#states = states;
    this.#record = record;
    record.target = candidate.stop.target;
    this.number = ++record.attempts;
    this.#counted = count(candidate, record);
    this.#trial = candidate.state?.circuit.begin();
    this.#isTried = candidate.state?.slowdown.begin() ?? false;
    this.#link = isHedged ? linkSignal(context.signal) : undefined;
    this.#context = this.#link === undefined ? context : { ...context, signal: this.#link.signal };
    this.#serving = serving;
    this.#iterator = this[Symbol.asyncIterator]();
  }

  override open(): AsyncIterable<Event> {
    const { work, asked } = this.candidate;
    if (work === undefined || asked === undefined) throw fault("internal", "a target was asked that was not looked at");
    return work(asked, this.#context);
  }

  override pass(event: Event): Event {
    return this.#hasStarted ? this.#serving.change(event) : event;
  }

  /** How its stream ended. Until it has started, whoever waits for that says what it means. */
  override end(outcome: Outcome): void {
    if (!this.#hasStarted) return;
    if (outcome.type === "failed") this.failed(asFault(outcome.error));
    else this.ended();
  }

  next(): Promise<IteratorResult<Event>> {
    return this.#iterator.next();
  }

  /** What it can bring without being waited for. */
  ready(): IteratorResult<Event> | undefined {
    return this.#iterator.ready?.();
  }

  /** What it brings next, without ever rejecting; asked again only when that has come. */
  arrival(): Promise<Arrival<Request, Event>> {
    this.pending ??= this.#iterator.next().then(
      (result) => ({ attempt: this, result }),
      (error: unknown) => {
        this.#learn(asFault(error)); // also if nobody waits for it any more
        return { attempt: this, error };
      },
    );
    return this.pending;
  }

  /** It has brought its first content. */
  started(): void {
    this.#hasStarted = true;
    const { state } = this.candidate;
    if (this.#isTried) state?.slowdown.lifted();
    if (this.#trial !== undefined) state?.circuit.succeeded(this.#trial);
  }

  /** Its stream has come to its end, or was left. */
  ended(): void {
    if (!this.#finish() || this.#trial === undefined) return;
    const { circuit } = this.candidate.state!;
    if (this.#wasSilent()) circuit.silent(this.#trial);
    else circuit.ended(this.#trial);
  }

  /** Its stream has thrown. What it threw once its call was aborted says nothing of the target, but may of its key. */
  failed(error: ConnectError): void {
    if (!this.#isOver && isUnsent(error)) this.#uncount();
    this.#learn(error);
    if (!isTargetsFault(reasonOf(error)) || this.#context.signal.aborted) this.ended();
    else if (this.#finish() && this.#trial !== undefined) this.candidate.state?.circuit.failed(this.#trial);
  }

  /** Nothing was sent: it was no attempt. */
  #uncount(): void {
    const { ofCandidate, further, retries } = this.#counted;
    this.#record.attempts--;
    this.#record.further -= further;
    this.#record.retries -= retries;
    this.candidate.attempts -= ofCandidate;
  }

  /** Leaves it before its end, because its consumer did. */
  leave(): Promise<unknown> {
    if (this.#isOver) return Promise.resolve();
    this.ended();
    return this.#iterator.return?.() ?? Promise.resolve();
  }

  /** Ends it at once, because another attempt of its call was faster. */
  beat(): void {
    if (this.#isOver) return;
    this.#link?.abort(beaten);
    this.leave().catch(() => {}); // nobody waits for it any more: what it throws on its way out is the abort
  }

  /** Whether its target was asked, and brought nothing until the time of its call was over. A caller that leaves says nothing of it. */
  #wasSilent(): boolean {
    if (this.#hasStarted || !this.#context.signal.aborted || this.#record.asked < this.number) return false;
    const reason = reasonOf(abortFault(this.#context.signal));
    return reason === "deadline_exceeded" || reason === "time_limit";
  }

  #learn(error: ConnectError): void {
    if (this.#hasLearned || this.candidate.state === undefined) return;
    this.#hasLearned = true;
    this.#states.failed(this.candidate.stop.target, error);
  }

  #finish(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#link?.release();
    return true;
  }
}

interface Counted {
  readonly ofCandidate: number;
  readonly further: number;
  readonly retries: number;
}

const conceded: Counted = { ofCandidate: 0, further: 0, retries: 0 };

/** Counts an attempt that its call's record has. One that asks for less than was refused is none that a failure led to, and repeats nothing. */
function count(candidate: { attempts: number; isConceded: boolean }, record: CallRecord): Counted {
  if (candidate.isConceded) {
    candidate.isConceded = false;
    return conceded;
  }
  const counted = { ofCandidate: 1, further: record.attempts > 1 ? 1 : 0, retries: candidate.attempts > 0 ? 1 : 0 };
  candidate.attempts++;
  record.further += counted.further;
  record.retries += counted.retries;
  return counted;
}

/** What an attempt brought. */
export type Arrival<Request, Event> =
  | { readonly attempt: Attempt<Request, Event>; readonly result: IteratorResult<Event> }
  | { readonly attempt: Attempt<Request, Event>; readonly error: unknown };

/** The fault of an attempt that ended without having brought anything. */
export function nothingCame<Request, Event>({ candidate }: Attempt<Request, Event>): ConnectError {
  const { provider } = candidate.stop.target;
  return fault("provider_truncated", `${provider} ended its answer before it had begun`, { provider });
}
