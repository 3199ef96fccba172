import type { ConnectError } from "@connectrpc/connect";
import type { ReadyIterator } from "../../core/stages.ts";

/** What an inbox tells its filler. */
export interface InboxHooks {
  /** The reader asks for the first time. */
  begin(): void;
  /** More waits than should: nothing more is to be fetched until `drained`. */
  full(): void;
  drained(): void;
  /** The reader has left before the end. */
  left(): void;
}

interface Waiting<Event> {
  resolve(result: IteratorResult<Event, undefined>): void;
  reject(error: unknown): void;
}

/** So many events may wait for a slow reader. */
const mostWaiting = 64;

const over = { done: true, value: undefined } as const;

/** Events between a call and its reader. */
export class Inbox<Event> implements ReadyIterator<Event> {
  readonly #hooks: InboxHooks;
  #events: Event[] = [];
  #at = 0;
  #waiting: Waiting<Event> | undefined;
  #end: { readonly error?: ConnectError } | undefined;
  #isFull = false;
  #hasBegun = false;

  constructor(hooks: InboxHooks) {
    this.#hooks = hooks;
  }

  /** Adds an event; after the end it is dropped. */
  push(event: Event): void {
    if (this.#end !== undefined) return;
    const waiting = this.#waiting;
    if (waiting !== undefined) {
      this.#waiting = undefined;
      waiting.resolve({ done: false, value: event });
      return;
    }
    this.#events.push(event);
    if (this.#isFull || this.#events.length - this.#at < mostWaiting) return;
    this.#isFull = true;
    this.#hooks.full();
  }

  /** Ends behind what is still to be read. Only the first end counts. */
  end(error?: ConnectError): void {
    if (this.#end !== undefined) return;
    this.#end = error === undefined ? {} : { error };
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) return;
    if (error === undefined) waiting.resolve(over);
    else waiting.reject(this.#taken(error));
  }

  /** Ends at once: what waits is not wanted any more. */
  abandon(error: ConnectError): void {
    this.#events = [];
    this.#at = 0;
    this.end(error);
  }

  ready(): IteratorResult<Event, undefined> | undefined {
    return this.#at < this.#events.length ? { done: false, value: this.#take() } : undefined;
  }

  next(): Promise<IteratorResult<Event, undefined>> {
    if (!this.#hasBegun) {
      this.#hasBegun = true;
      this.#hooks.begin();
    }
    const result = this.ready();
    if (result !== undefined) return Promise.resolve(result);
    const end = this.#end;
    if (end?.error !== undefined) return Promise.reject(this.#taken(end.error));
    if (end !== undefined) return Promise.resolve(over);
    return new Promise((resolve, reject) => (this.#waiting = { resolve, reject }));
  }

  async return(): Promise<IteratorResult<Event, undefined>> {
    this.#hasBegun = true;
    if (this.#end === undefined) this.#hooks.left();
    this.#events = [];
    this.#at = 0;
    this.end();
    return over;
  }

  /** An error is told once; a stream that has thrown is over. */
  #taken(error: ConnectError): ConnectError {
    this.#end = {};
    return error;
  }

  #take(): Event {
    const event = this.#events[this.#at++] as Event;
    if (this.#at < this.#events.length) return event;
    this.#events.length = 0;
    this.#at = 0;
    if (this.#isFull) {
      this.#isFull = false;
      this.#hooks.drained();
    }
    return event;
  }
}
