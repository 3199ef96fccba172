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

/**
 * A stream that is made when it is read, and can be read once: permits, timers and spans that its making takes are never held for a reader that does not come.
 * What fails while it is made is told by the first `next`, like any other failure of a stream.
 */
export function begun<Event>(make: () => AsyncIterable<Event>): AsyncIterable<Event> {
  return readOnce(() => iteratorOf(make));
}

/** Watches a stream, made when it is read, without standing in its way: the inner promises are forwarded, which costs a quarter of what a generator around it would. */
export function observe<Event>(make: () => AsyncIterable<Event>, watch: Watch<Event>): AsyncIterable<Event> {
  return readOnce(() => watched(iteratorOf(make), watch));
}

function watched<Event>(inner: AsyncIterator<Event>, watch: Watch<Event>): AsyncIterator<Event> {
  let hasEnded = false;
  const end = (outcome: Outcome) => {
    if (hasEnded) return;
    hasEnded = true;
    watch.end?.(outcome);
  };
  const onResult = (result: IteratorResult<Event>) => (result.done === true ? end({ type: "done" }) : watch.event?.(result.value));
  const onError = (error: unknown) => end({ type: "failed", error });
  return {
    next() {
      watch.ask?.();
      const promise = inner.next();
      promise.then(onResult, onError);
      return promise;
    },
    return(value?: unknown) {
      end({ type: "left" });
      return inner.return?.(value) ?? Promise.resolve({ done: true, value: undefined });
    },
  };
}

function readOnce<Event>(open: () => AsyncIterator<Event>): AsyncIterable<Event> {
  let isRead = false;
  return {
    [Symbol.asyncIterator]() {
      if (isRead) throw new TypeError("this stream can be read only once");
      isRead = true;
      return open();
    },
  };
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

/** Changes each event of a stream. */
export function mapStream<Event, Changed>(stream: AsyncIterable<Event>, change: (event: Event) => Changed): AsyncIterable<Changed> {
  const map = (result: IteratorResult<Event>): IteratorResult<Changed> =>
    result.done === true ? result : { done: false, value: change(result.value) };
  return forwarded(stream, (result) => result.then(map));
}

/** Throws what a stream throws as `change` makes it; called once, for a stream that has thrown is over. */
export function mapErrors<Event>(stream: AsyncIterable<Event>, change: (error: unknown) => Error): AsyncIterable<Event> {
  const fail = (error: unknown) => {
    throw change(error);
  };
  return forwarded(stream, (result) => result.catch(fail));
}

/** A stream whose every result is that of another, turned: cheaper than a generator around it. Who leaves it leaves the other, and waits until that has been left. */
function forwarded<Event, Changed>(
  stream: AsyncIterable<Event>,
  turn: (result: Promise<IteratorResult<Event>>) => Promise<IteratorResult<Changed>>,
): AsyncIterable<Changed> {
  return {
    [Symbol.asyncIterator](): AsyncIterator<Changed> {
      const inner = stream[Symbol.asyncIterator]();
      return {
        next: () => turn(inner.next()),
        return: async () => {
          await inner.return?.();
          return { done: true, value: undefined };
        },
      };
    },
  };
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
  for await (const event of stream) found ??= { event };
  if (found === undefined) throw new TypeError("unary work yielded nothing");
  return found.event;
}
