import { limitFault } from "../core/limits.ts";
import type { Clock } from "../core/ports.ts";
import { abortFault } from "../core/signals.ts";
import { begun, deferred, observe } from "../core/stream.ts";
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
}

/** Lets at most `limit` calls run at once and `queue` wait, first come first served. A call runs until its stream has ended, not until it has begun. */
export function concurrency({ clock, target, limit, queue, queueMs }: ConcurrencyOptions): Layer {
  let running = 0;
  const waiting = new Set<() => void>();

  const leave = () => {
    const [first] = waiting;
    if (first === undefined) running--;
    else first();
  };

  /** Resolves with the place of the call that left. */
  function wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = () => {
        waiting.delete(admit);
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
    });
  }

  return function concurrencyLayer(next) {
    return function limited(request, context) {
      const run = () => observe(() => next(request, context), { end: leave });
      return begun(() => {
        if (context.signal.aborted) throw abortFault(context.signal);
        if (running < limit) {
          running++;
          return run();
        }
        if (waiting.size < queue) return deferred(() => wait(context.signal).then(run));
        const message = `${target} is busy: ${running} calls run and ${waiting.size} wait; try again later`;
        throw limitFault("targetQueue", message, { retryAfterMs: 1000, provider: target });
      });
    };
  };
}
