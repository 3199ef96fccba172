import type { ReadyIterator } from "./stages.ts";
import { begun } from "./stream.ts";

/** A stream that has been opened. */
export interface Opened<Event> {
  readonly stream: AsyncIterable<Event>;
  /** What is to be done when it has ended, however it ended; called once. Must not throw. */
  readonly close?: () => void;
}

/** A stream that has to be opened, which may wait, and perhaps closed; `cancel` is called when its reader leaves meanwhile, and makes the opening fail. Cheaper than a generator, which takes several promises an event. */
export function opened<Event>(open: () => Promise<Opened<Event>>, cancel?: () => void): AsyncIterable<Event> {
  return begun(() => ({ [Symbol.asyncIterator]: () => new Opening(open, cancel) }));
}

class Opening<Event> implements ReadyIterator<Event> {
  readonly #open: () => Promise<Opened<Event>>;
  readonly #cancel: (() => void) | undefined;
  #opening: Promise<void> | undefined;
  #inner: ReadyIterator<Event> | undefined;
  #close: (() => void) | undefined;
  #isOver = false;
  readonly #onResult = (result: IteratorResult<Event>) => this.#pass(result);
  readonly #onError = (error: unknown) => this.#fail(error);

  constructor(open: () => Promise<Opened<Event>>, cancel?: () => void) {
    this.#open = open;
    this.#cancel = cancel;
  }

  next(): Promise<IteratorResult<Event>> {
    if (this.#isOver) return Promise.resolve({ done: true, value: undefined });
    if (this.#inner !== undefined) return this.#inner.next().then(this.#onResult, this.#onError);
    this.#opening ??= this.#begin();
    return this.#opening.then(() => this.next(), this.#onError);
  }

  ready(): IteratorResult<Event> | undefined {
    if (this.#isOver) return { done: true, value: undefined };
    let result: IteratorResult<Event> | undefined;
    try {
      result = this.#inner?.ready?.();
    } catch (error) {
      return this.#fail(error);
    }
    return result === undefined ? undefined : this.#pass(result);
  }

  async return(): Promise<IteratorResult<Event>> {
    if (this.#opening !== undefined && this.#inner === undefined) this.#cancel?.();
    // What is being opened cannot be closed before it is open.
    await this.#opening?.catch(() => {});
    if (!this.#isOver) {
      this.#isOver = true;
      try {
        await this.#inner?.return?.();
      } finally {
        this.#close?.();
      }
    }
    return { done: true, value: undefined };
  }

  async #begin(): Promise<void> {
    const { stream, close } = await this.#open();
    this.#close = close;
    this.#inner = stream[Symbol.asyncIterator]();
  }

  #pass(result: IteratorResult<Event>): IteratorResult<Event> {
    if (result.done === true) this.#end();
    return result;
  }

  #fail(error: unknown): never {
    this.#end();
    throw error;
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#close?.();
  }
}
