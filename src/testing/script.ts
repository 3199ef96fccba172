import type { CallContext } from "../core/context.ts";
import { untilAborted } from "../core/signals.ts";
import type { Work } from "../core/work.ts";

/** Work whose events a test gives by hand. */
export interface Script<Request, Event> {
  readonly work: Work<Request, Event>;
  /** The calls so far, in order. */
  readonly calls: ScriptedCall<Request, Event>[];
  /** Waits for the next call that no one has waited for. */
  next(): Promise<ScriptedCall<Request, Event>>;
}

/** One call of scripted work. */
export interface ScriptedCall<Request, Event> {
  readonly request: Request;
  readonly context: CallContext;
  /** Gives an event. */
  give(event: Event): void;
  /** Ends the stream, with an error or in peace. */
  end(error?: Error): void;
  /** Resolves when the consumer has left or the stream has ended. */
  readonly closed: Promise<void>;
}

/** Makes work that a test plays by hand: the inside of the layer under test. */
export function script<Request, Event>(): Script<Request, Event> {
  const calls: ScriptedCall<Request, Event>[] = [];
  const arrivals: ScriptedCall<Request, Event>[] = [];
  const waiting: ((call: ScriptedCall<Request, Event>) => void)[] = [];
  return {
    calls,
    next: () => {
      const arrived = arrivals.shift();
      return arrived === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(arrived);
    },
    work(request, context) {
      const { stream, call } = play<Request, Event>(request, context);
      calls.push(call);
      const waiter = waiting.shift();
      if (waiter === undefined) arrivals.push(call);
      else waiter(call);
      return stream;
    },
  };
}

function play<Request, Event>(request: Request, context: CallContext) {
  const steps: (() => Event)[] = [];
  let wake = () => {};
  let isEnded = false;
  const closed = Promise.withResolvers<void>();
  const push = (step: () => Event) => (steps.push(step), wake());
  const call: ScriptedCall<Request, Event> = {
    request,
    context,
    give: (event) => push(() => event),
    end(error) {
      if (error !== undefined) push(() => raise(error));
      isEnded = true;
      wake();
    },
    closed: closed.promise,
  };
  async function* events(): AsyncGenerator<Event, void, undefined> {
    try {
      for (;;) {
        const step = steps.shift();
        if (step !== undefined) yield step();
        else if (isEnded) return;
        else await untilAborted(new Promise<void>((resolve) => (wake = resolve)), context.signal);
      }
    } finally {
      closed.resolve();
    }
  }
  return { stream: events(), call };
}

function raise(error: Error): never {
  throw error;
}
