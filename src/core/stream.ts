import { iteratorOf, Stage, type Outcome, type ReadyIterator } from "./stages.ts";

/** What `observe` tells of a stream. */
export interface Watch<Event> {
  /** Each event, before the consumer has it. */
  event?(event: Event): void;
  /** Exactly once: when the stream is done, has thrown (the error is given), or was left by its consumer (`left`). Must not throw. */
  end?(outcome: Outcome): void;
}

/**
 * A stream that is made when it is read, and can be read once: permits, timers and spans that its making takes are never held for a reader that does not come.
 * What fails while it is made is told by the first `next`, like any other failure of a stream.
 */
export function begun<Event>(make: () => AsyncIterable<Event>): AsyncIterable<Event> {
  return new Begun(make);
}

/** Watches a stream, made when it is read, without standing in its way. */
export function observe<Event>(make: () => AsyncIterable<Event>, watch: Watch<Event>): AsyncIterable<Event> {
  return new Observed(make, watch);
}

/** Changes each event of a stream. */
export function mapStream<Event, Changed>(stream: AsyncIterable<Event>, change: (event: Event) => Changed): AsyncIterable<Changed> {
  return new Mapped(stream, change);
}

/** Throws what a stream throws as `change` makes it; called once, for a stream that has thrown is over. */
export function mapErrors<Event>(stream: AsyncIterable<Event>, change: (error: unknown) => Error): AsyncIterable<Event> {
  return new Failing(stream, change);
}

/** Reads a stream to its end; `see` may answer with what is to be waited for before the next event. Cheaper than `for await`, which waits for each. Who fails leaves the stream. */
export async function readAll<Event>(stream: AsyncIterable<Event>, see: (event: Event) => Promise<void> | undefined): Promise<void> {
  const events: ReadyIterator<Event> = stream[Symbol.asyncIterator]();
  for (;;) {
    const result = events.ready?.() ?? (await events.next());
    if (result.done === true) return;
    try {
      const waiting = see(result.value);
      if (waiting !== undefined) await waiting;
    } catch (error) {
      await events.return?.();
      throw error;
    }
  }
}

/** A stream whose making may wait: unary work and layers that must await before the inner work is known. */
export async function* deferred<Event>(make: () => Promise<AsyncIterable<Event>>): AsyncGenerator<Event, void, undefined> {
  yield* await make();
}

/** A stream of one event. */
export async function* once<Event>(make: () => Promise<Event>): AsyncGenerator<Event, void, undefined> {
  yield await make();
}

/** The one event of unary work; reads on to the end, so that the work ends by itself. Throws a TypeError when there is none. */
export async function only<Event>(stream: AsyncIterable<Event>): Promise<Event> {
  let found: { readonly event: Event } | undefined;
  await readAll(stream, (event) => void (found ??= { event }));
  if (found === undefined) throw new TypeError("unary work yielded nothing");
  return found.event;
}

class Begun<Event> implements AsyncIterable<Event> {
  #make: (() => AsyncIterable<Event>) | undefined;

  constructor(make: () => AsyncIterable<Event>) {
    this.#make = make;
  }

  [Symbol.asyncIterator](): AsyncIterator<Event> {
    const make = this.#make ?? readTwice();
    this.#make = undefined;
    return iteratorOf(make);
  }
}

function readTwice(): never {
  throw new TypeError("this stream can be read only once");
}

class Observed<Event> extends Stage<Event> {
  #make: (() => AsyncIterable<Event>) | undefined;
  readonly #watch: Watch<Event>;

  constructor(make: () => AsyncIterable<Event>, watch: Watch<Event>) {
    super();
    this.#make = make;
    this.#watch = watch;
  }

  override [Symbol.asyncIterator](): AsyncIterator<Event> {
    return this.#make === undefined ? readTwice() : super[Symbol.asyncIterator]();
  }

  override open(): AsyncIterable<Event> {
    const make = this.#make!;
    this.#make = undefined;
    return make();
  }

  override pass(event: Event): Event {
    this.#watch.event?.(event);
    return event;
  }

  override end(outcome: Outcome): void {
    this.#watch.end?.(outcome);
  }
}

class Mapped<Event, Changed> extends Stage<Changed, Event> {
  readonly #stream: AsyncIterable<Event>;
  override readonly pass: (event: Event) => Changed;

  constructor(stream: AsyncIterable<Event>, change: (event: Event) => Changed) {
    super();
    this.#stream = stream;
    this.pass = change;
  }

  override open(): AsyncIterable<Event> {
    return this.#stream;
  }
}

class Failing<Event> extends Stage<Event> {
  readonly #stream: AsyncIterable<Event>;
  override readonly fail: (error: unknown) => Error;

  constructor(stream: AsyncIterable<Event>, change: (error: unknown) => Error) {
    super();
    this.#stream = stream;
    this.fail = change;
  }

  override open(): AsyncIterable<Event> {
    return this.#stream;
  }
}
