import { abortFault } from "../../core/signals.ts";
import type { ReadyIterator } from "../../core/stages.ts";

/** What a queue tells its filler. */
export interface QueueHooks {
  /** The reader asks for the first time. */
  begin(): void;
  /** Everything that was there has been read. */
  drained(): void;
  /** The reader has left before the end. */
  left(): void;
}

interface Waiting<Event> {
  readonly resolve: (result: IteratorResult<Event, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

const done = { done: true, value: undefined } as const;

/** Events that come in bursts, read one by one: what is there is handed over without a turn of the event loop, unless the signal has been aborted. Its filler is asked to begin by the first read. */
export class EventQueue<Event> implements ReadyIterator<Event> {
  readonly #signal: AbortSignal;
  readonly #hooks: QueueHooks;
  #events: Event[] = [];
  #at = 0;
  #waiting: Waiting<Event>[] = [];
  #hasBegun = false;
  #end: { readonly error?: unknown } | undefined;

  constructor(signal: AbortSignal, hooks: QueueHooks) {
    this.#signal = signal;
    this.#hooks = hooks;
  }

  /** Whether nobody has read the last event yet. */
  get isFull(): boolean {
    return this.#at < this.#events.length;
  }

  /** Adds an event. */
  push(event: Event): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#events.push(event);
    else waiting.resolve({ done: false, value: event });
  }

  /** Ends the stream behind what is still to be read; with an error, if one is given. Only the first end counts. */
  end(failure: { readonly error?: unknown } = {}): void {
    if (this.#end !== undefined) return;
    this.#end = failure;
    for (const waiting of this.#waiting.splice(0)) this.#tellEnd(waiting);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Event, undefined>> {
    if (!this.#hasBegun) {
      this.#hasBegun = true;
      this.#hooks.begin();
    }
    if (this.#isThere()) return Promise.resolve({ done: false, value: this.#take() });
    return new Promise((resolve, reject) => {
      if (this.#end === undefined) this.#waiting.push({ resolve, reject });
      else this.#tellEnd({ resolve, reject });
    });
  }

  ready(): IteratorResult<Event, undefined> | undefined {
    if (this.#isThere()) return { done: false, value: this.#take() };
    const end = this.#end;
    if (end === undefined) return undefined;
    this.#end = {};
    if ("error" in end) throw end.error;
    return done;
  }

  return(): Promise<IteratorResult<Event, undefined>> {
    this.#hasBegun = true;
    this.#events = [];
    this.#at = 0;
    if (this.#end === undefined) this.#hooks.left();
    this.#end = {};
    for (const { resolve } of this.#waiting.splice(0)) resolve(done);
    return Promise.resolve(done);
  }

  /** Whether an event can be had; who has aborted wants nothing more of what is there. */
  #isThere(): boolean {
    if (!this.isFull) return false;
    if (!this.#signal.aborted) return true;
    this.#events.length = 0;
    this.#at = 0;
    this.#end = { error: abortFault(this.#signal) };
    return false;
  }

  #take(): Event {
    const event = this.#events[this.#at++] as Event;
    if (this.#at === this.#events.length) {
      this.#events.length = 0;
      this.#at = 0;
      this.#hooks.drained();
    }
    return event;
  }

  /** An error is told once; a stream that has thrown is over. */
  #tellEnd({ resolve, reject }: Waiting<Event>): void {
    const end = this.#end;
    this.#end = {};
    if (end !== undefined && "error" in end) reject(end.error);
    else resolve(done);
  }
}
