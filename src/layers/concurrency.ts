import { limitFault } from "../core/limits.ts";
import type { Clock } from "../core/ports.ts";
import { opened } from "../core/opened.ts";
import { fault } from "../core/reasons.ts";
import { abortFault } from "../core/signals.ts";
import { begun, observe } from "../core/stream.ts";
import type { Layer } from "../core/work.ts";

/** What concurrency needs. */
export interface ConcurrencyOptions {
  readonly clock: Clock;
  /** Name of the target, for errors. */
  readonly target: string;
  /** Calls that run at once. */
  readonly limit: number;
  /** Calls that wait. */
  readonly queue: number;
  /** How long one waits, ms. */
  readonly queueMs: number;
  /** Told how many wait, whenever that changes. */
  readonly onWaiting?: (count: number) => void;
}

/** Lets at most `limit` calls run at once and `queue` wait, first come first served. A call runs until its stream has ended, not until it has begun. */
export function concurrency({ clock, target, limit, queue, queueMs, onWaiting }: ConcurrencyOptions): Layer {
  let running = 0;
  const waiting = new Set<() => void>();

  const leave = () => {
    const [first] = waiting;
    if (first === undefined) running--;
    else first();
  };

  /** Its turn comes with the place of a call that left. */
  function wait(signal: AbortSignal): Wait {
    let leaveQueue = () => {};
    const turn = new Promise<void>((resolve, reject) => {
      const settle = () => {
        waiting.delete(admit);
        onWaiting?.(waiting.size);
        cancelTimer();
        signal.removeEventListener("abort", onAbort);
      };
      const admit = () => (settle(), resolve());
      const onAbort = () => (settle(), reject(abortFault(signal)));
      const cancelTimer = clock.after(queueMs, () => {
        settle();
        const message = `waited ${queueMs} ms for ${target}, which is busy; try again later`;
        reject(limitFault("targetQueueMs", message, { retryAfterMs: queueMs, provider: target }));
      });
      signal.addEventListener("abort", onAbort, { once: true });
      waiting.add(admit);
      onWaiting?.(waiting.size);
      leaveQueue = () => (settle(), reject(fault("caller_gone", `the call was left while it waited for ${target}`)));
    });
    return { turn, leave: leaveQueue };
  }

  return function concurrencyLayer(next) {
    return function limited(request, context) {
      return begun(() => {
        if (context.signal.aborted) throw abortFault(context.signal);
        const run = () => observe(() => next(request, context), { end: leave });
        if (running < limit) {
          running++;
          return run();
        }
        if (waiting.size < queue) return waited(() => wait(context.signal), run);
        const message = `${target} is busy: ${running} calls run and ${waiting.size} wait; try again later`;
        throw limitFault("targetQueue", message, { retryAfterMs: 1000, provider: target });
      });
    };
  };
}

/** A call's place in the queue. */
interface Wait {
  readonly turn: Promise<void>;
  readonly leave: () => void;
}

/** Runs when its turn has come. Whoever leaves it before leaves the queue. */
function waited<Event>(begin: () => Wait, run: () => AsyncIterable<Event>): AsyncIterable<Event> {
  let wait: Wait | undefined;
  const open = async () => {
    wait = begin();
    await wait.turn;
    return { stream: run() };
  };
  return opened(open, () => wait?.leave());
}
