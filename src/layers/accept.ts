import { accepted } from "../core/events.ts";
import type { ChatEvent } from "../../gen/parley/v1/chat_pb.ts";
import type { Clock } from "../core/ports.ts";
import { iteratorOf, type ReadyIterator } from "../core/stages.ts";
import type { Generate } from "../core/work.ts";

/** What accept needs. */
export interface AcceptOptions {
  readonly clock: Clock;
  /** How long `accepted` waits for the first inner event, ms. An error within that time is thrown, so that every door answers with its own status. */
  readonly holdMs: number;
  /** The id of an answer. */
  readonly newId: () => string;
}

/** Says `accepted` first: together with the first inner event, or when `holdMs` have passed without one. After it, errors are errors in the stream. To who reads nothing before the end it is said at once: there is no status yet to hold back. */
export function accept(options: AcceptOptions): (next: Generate) => Generate {
  const { clock, newId } = options;
  return function acceptLayer(next) {
    return function acceptedFirst(request, context) {
      const first = accepted({ id: newId(), model: context.model, createdMs: clock.now() });
      return new Held(() => next(request, context), first, context.isWhole ? undefined : options);
    };
  };
}

/** Stands for an answer until it is opened; nobody reads before that. */
const nothing: ReadyIterator<ChatEvent> = { next: () => Promise.reject(new TypeError("an answer was read before it was opened")) };

/** By hand rather than as a generator: after the first event the inner promises are forwarded, and what is there at once needs neither promise nor timer. */
class Held implements AsyncIterable<ChatEvent>, ReadyIterator<ChatEvent> {
  readonly #open: () => AsyncIterable<ChatEvent>;
  #inner: ReadyIterator<ChatEvent> = nothing;
  readonly #accepted: ChatEvent;
  /** Undefined: nothing is waited for. */
  readonly #holding: AcceptOptions | undefined;
  /** The first inner event, where it was there at once, or its promise. */
  #there: IteratorResult<ChatEvent> | undefined;
  #waiting: Promise<IteratorResult<ChatEvent>> | undefined;
  #isAccepted = false;

  constructor(open: () => AsyncIterable<ChatEvent>, first: ChatEvent, holding: AcceptOptions | undefined) {
    this.#open = open;
    this.#accepted = first;
    this.#holding = holding;
  }

  [Symbol.asyncIterator](): this {
    this.#inner = iteratorOf(this.#open);
    return this;
  }

  next(): Promise<IteratorResult<ChatEvent>> {
    if (!this.#isAccepted) return this.#accept();
    const known = this.#takeThere();
    if (known !== undefined) return Promise.resolve(known);
    const result = this.#waiting ?? this.#inner.next();
    this.#waiting = undefined;
    return result;
  }

  ready(): IteratorResult<ChatEvent> | undefined {
    if (this.#isAccepted) return this.#takeThere() ?? (this.#waiting === undefined ? this.#inner.ready?.() : undefined);
    if (this.#holding !== undefined) {
      this.#there = this.#inner.ready?.();
      if (this.#there === undefined) return undefined;
    }
    this.#isAccepted = true;
    return { done: false, value: this.#accepted };
  }

  async return(): Promise<IteratorResult<ChatEvent>> {
    await this.#inner.return?.();
    return { done: true, value: undefined };
  }

  async #accept(): Promise<IteratorResult<ChatEvent>> {
    this.#isAccepted = true;
    if (this.#holding !== undefined) {
      this.#waiting = this.#inner.next();
      await hold(this.#waiting, (result) => this.#keep(result), this.#holding);
    }
    return { done: false, value: this.#accepted };
  }

  #takeThere(): IteratorResult<ChatEvent> | undefined {
    const taken = this.#there;
    this.#there = undefined;
    return taken;
  }

  /** What came within the hold can be read at once: a door sends it together with its headers. */
  #keep(result: IteratorResult<ChatEvent>): void {
    this.#there = result;
    this.#waiting = undefined;
  }
}

/** Settles with the promise, whose value goes to `keep`, or is fulfilled when the time is over. */
function hold<Value>(promise: Promise<Value>, keep: (value: Value) => void, { clock, holdMs }: AcceptOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    let isHeld = true;
    const cancel = clock.after(holdMs, () => {
      isHeld = false;
      resolve();
    });
    const settle = (value: Value) => {
      if (!isHeld) return;
      cancel();
      keep(value);
      resolve();
    };
    promise.then(settle, (error: unknown) => (cancel(), reject(error as Error)));
  });
}
