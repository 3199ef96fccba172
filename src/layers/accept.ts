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
export function accept(options: AcceptOptions): (next: Generate) => Generate {
  const { clock, newId } = options;
  return function acceptLayer(next) {
    return function acceptedFirst(request, context) {
      const first = accepted({ id: newId(), model: context.model, createdMs: clock.now() });
      const inner = begun(() => next(request, context));
      return { [Symbol.asyncIterator]: () => held(inner[Symbol.asyncIterator](), first) };
    };
  };

  /** By hand rather than as a generator: after the first event the inner promises are forwarded, and what is there at once needs neither promise nor timer. */
  function held(inner: ReadyIterator<ChatEvent>, first: ChatEvent): ReadyIterator<ChatEvent> {
    /** The first inner event, where it was there at once, or its promise. */
    let there: IteratorResult<ChatEvent> | undefined;
    let waiting: Promise<IteratorResult<ChatEvent>> | undefined;
    let isAccepted = false;
    const takeThere = () => {
      const taken = there;
      there = undefined;
      return taken;
    };
    // What came within the hold can be read at once: a door sends it together with its headers.
    const keep = (result: IteratorResult<ChatEvent>) => {
      there = result;
      waiting = undefined;
    };
    return {
      next() {
        if (!isAccepted) {
          isAccepted = true;
          waiting = inner.next();
          return hold(waiting, keep, options).then(() => ({ done: false, value: first }));
        }
        const known = takeThere();
        if (known !== undefined) return Promise.resolve(known);
        const result = waiting ?? inner.next();
        waiting = undefined;
        return result;
      },
      ready() {
        if (isAccepted) return takeThere() ?? (waiting === undefined ? inner.ready?.() : undefined);
        there = inner.ready?.();
        if (there === undefined) return undefined;
        isAccepted = true;
        return { done: false, value: first };
      },
      async return() {
        await inner.return?.();
        return { done: true, value: undefined };
      },
    };
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
