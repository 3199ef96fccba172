import { accepted } from "../core/events.ts";
import type { ChatEvent } from "../../gen/parley/v1/chat_pb.ts";
import type { Clock } from "../core/ports.ts";
import { begun, type ReadyIterator } from "../core/stream.ts";
import type { Generate } from "../core/work.ts";

/** What accept needs. */
export interface AcceptOptions {
  readonly clock: Clock;
  /** How long `accepted` waits for the first inner event, ms. An error within that time is thrown, so that every door answers with its own status. */
  readonly holdMs: number;
  /** The id of an answer. */
  readonly newId: () => string;
}

/** Says `accepted` first: together with the first inner event, or when `holdMs` have passed without one. After it, errors are errors in the stream. */
export function accept({ clock, holdMs, newId }: AcceptOptions): (next: Generate) => Generate {
  return function acceptLayer(next) {
    return function acceptedFirst(request, context) {
      const first = accepted({ id: newId(), model: context.model, createdMs: clock.now() });
      const inner = begun(() => next(request, context));
      return { [Symbol.asyncIterator]: () => held(inner[Symbol.asyncIterator](), first) };
    };
  };

  /** By hand rather than as a generator: after the first event the inner promises are forwarded. */
  function held(inner: ReadyIterator<ChatEvent>, first: ChatEvent): ReadyIterator<ChatEvent> {
    let waiting: Promise<IteratorResult<ChatEvent>> | undefined;
    let isAccepted = false;
    return {
      next() {
        if (!isAccepted) {
          isAccepted = true;
          waiting = inner.next();
          return hold(waiting).then(() => ({ done: false, value: first }));
        }
        const result = waiting ?? inner.next();
        waiting = undefined;
        return result;
      },
      ready: () => (isAccepted && waiting === undefined ? inner.ready?.() : undefined),
      async return() {
        await inner.return?.();
        return { done: true, value: undefined };
      },
    };
  }

  /** Settles with the promise, or is fulfilled when the time is over. */
  function hold(promise: Promise<unknown>): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancel = clock.after(holdMs, resolve);
      const settle = () => (cancel(), resolve());
      promise.then(settle, (error: unknown) => (cancel(), reject(error as Error)));
    });
  }
}
