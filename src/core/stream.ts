/** What `observe` tells of a stream. */
export interface Watch<Event> {
  /** Each time the consumer asks for an event: from here to the event the stream is waited for. Must not throw. */
  ask?(): void;
  /** Each event, before the consumer has it. Must not throw. */
  event?(event: Event): void;
  /** Exactly once: when the stream is done, has thrown (the error is given), or was left by its consumer (`left`). Must not throw. */
  end?(outcome: Outcome): void;
}

/** How a stream ended. */
export type Outcome = { readonly type: "done" } | { readonly type: "left" } | { readonly type: "failed"; readonly error: unknown };

/** An iterator that knows what is there already. */
export interface ReadyIterator<Event> extends AsyncIterator<Event> {
  /** The next event if it can be had at once, else undefined: then `next` waits for it. Never called while a `next` is under way. Throws what the stream throws. A promise for each event would cost more than most events do. */
  ready?(): IteratorResult<Event> | undefined;
}

/**
 * A stream that is made when it is read, and can be read once: permits, timers and spans that its making takes are never held for a reader that does not come.
 * What fails while it is made is told by the first `next`, like any other failure of a stream.
 */
export function begun<Event>(make: () => AsyncIterable<Event>): AsyncIterable<Event> {
  return new ReadOnce(() => iteratorOf(make));
}

/** Watches a stream, made when it is read, without standing in its way. */
export function observe<Event>(make: () => AsyncIterable<Event>, watch: Watch<Event>): AsyncIterable<Event> {
  return new ReadOnce(() => staged(iteratorOf(make), new Stage({ watch })));
}

/** Changes each event of a stream. */
export function mapStream<Event, Changed>(stream: AsyncIterable<Event>, change: (event: Event) => Changed): AsyncIterable<Changed> {
  return { [Symbol.asyncIterator]: () => staged<Changed>(stream[Symbol.asyncIterator](), new Stage({ change: change as Change })) };
}

/** Throws what a stream throws as `change` makes it; called once, for a stream that has thrown is over. */
export function mapErrors<Event>(stream: AsyncIterable<Event>, change: (error: unknown) => Error): AsyncIterable<Event> {
  return { [Symbol.asyncIterator]: () => staged<Event>(stream[Symbol.asyncIterator](), new Stage({ fail: change })) };
}

type Change = (event: unknown) => unknown;

/** What one layer does with what passes. */
class Stage {
  readonly watch: Watch<unknown> | undefined;
  readonly change: Change | undefined;
  readonly fail: ((error: unknown) => Error) | undefined;
  #hasEnded = false;

  constructor({ watch, change, fail }: { watch?: Watch<never>; change?: Change; fail?: (error: unknown) => Error }) {
    this.watch = watch;
    this.change = change;
    this.fail = fail;
  }

  end(outcome: Outcome): void {
    if (this.#hasEnded || this.watch === undefined) return;
    this.#hasEnded = true;
    this.watch.end?.(outcome);
  }
}

/** Puts a layer around an iterator. Layers around layers share one pipe, so that an event costs one promise, however many it passes. */
function staged<Event>(inner: AsyncIterator<unknown>, stage: Stage): AsyncIterator<Event> {
  if (!(inner instanceof Pipe)) return new Pipe(inner, stage) as AsyncIterator<Event>;
  inner.stages.push(stage);
  return inner as AsyncIterator<Event>;
}

const done: Outcome = { type: "done" };
const left: Outcome = { type: "left" };

/** An iterator with the layers around it. */
class Pipe implements ReadyIterator<unknown> {
  readonly #source: ReadyIterator<unknown>;
  /** Innermost first. */
  readonly stages: Stage[];
  readonly #onResult = (result: IteratorResult<unknown>) => this.#pass(result);
  readonly #onError = (error: unknown) => this.#fail(error, 0);

  constructor(source: AsyncIterator<unknown>, stage: Stage) {
    this.#source = source;
    this.stages = [stage];
  }

  next(): Promise<IteratorResult<unknown>> {
    for (let index = this.stages.length - 1; index >= 0; index--) this.stages[index]?.watch?.ask?.();
    return this.#source.next().then(this.#onResult, this.#onError);
  }

  ready(): IteratorResult<unknown> | undefined {
    let result: IteratorResult<unknown> | undefined;
    try {
      result = this.#source.ready?.();
    } catch (error) {
      this.#fail(error, 0);
    }
    return result === undefined ? undefined : this.#pass(result);
  }

  async return(): Promise<IteratorResult<unknown>> {
    this.#endInner(this.stages.length);
    await this.#source.return?.();
    return { done: true, value: undefined };
  }

  /** Shows a result to every layer, from the inside out. */
  #pass(result: IteratorResult<unknown>): IteratorResult<unknown> {
    const { stages } = this;
    if (result.done === true) {
      for (const stage of stages) stage.end(done);
      return result;
    }
    let event = result.value;
    for (let index = 0; index < stages.length; index++) {
      const { watch, change } = stages[index]!;
      if (change === undefined) watch?.event?.(event);
      else
        try {
          event = change(event);
        } catch (error) {
          this.#leave(index);
          this.#fail(error, index + 1);
        }
    }
    return event === result.value ? result : { done: false, value: event };
  }

  #endInner(before: number): void {
    for (let index = before - 1; index >= 0; index--) this.stages[index]?.end(left);
  }

  /** Leaves the source, and the layers before one that cannot go on: what they throw on their way out comes behind what is told. */
  #leave(before: number): void {
    this.#endInner(before);
    this.#source.return?.().catch(() => {});
  }

  /** Tells a failure to the layers from one on. */
  #fail(error: unknown, from: number): never {
    let told = error;
    for (const stage of this.stages.slice(from)) {
      if (stage.fail !== undefined) told = stage.fail(told);
      stage.end({ type: "failed", error: told });
    }
    throw told;
  }
}

class ReadOnce<Event> implements AsyncIterable<Event> {
  #open: (() => AsyncIterator<Event>) | undefined;

  constructor(open: () => AsyncIterator<Event>) {
    this.#open = open;
  }

  [Symbol.asyncIterator](): AsyncIterator<Event> {
    const open = this.#open;
    if (open === undefined) throw new TypeError("this stream can be read only once");
    this.#open = undefined;
    return open();
  }
}

function iteratorOf<Event>(make: () => AsyncIterable<Event>): AsyncIterator<Event> {
  try {
    return make()[Symbol.asyncIterator]();
  } catch (error) {
    return {
      next: () => Promise.reject(error),
      return: () => Promise.resolve({ done: true, value: undefined }),
    };
  }
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
