import type { Limits } from "../../core/limits.ts";
import type { Clock } from "../../core/ports.ts";
import { abortFault } from "../../core/signals.ts";

/** How long to pause before a further attempt, ms: a random part of a time that doubles with each (full jitter), so that callers who failed together do not come back together. `repeat` is 1 for the second attempt. */
export function backoffMs(repeat: number, random: () => number, limits: Pick<Limits, "retryBaseMs" | "retryCapMs">): number {
  return random() * Math.min(limits.retryCapMs, limits.retryBaseMs * 2 ** (repeat - 1));
}

/** Waits until an instant, never less: timers of the machine may fire a little early. Throws at once why the signal was aborted. */
export async function sleepUntil(untilMs: number, clock: Clock, signal: AbortSignal): Promise<void> {
  for (let leftMs = untilMs - clock.now(); leftMs > 0; leftMs = untilMs - clock.now()) await nap(leftMs, clock, signal);
}

function nap(ms: number, clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(abortFault(signal));
    const onAbort = () => (cancel(), reject(abortFault(signal)));
    const cancel = clock.after(ms, () => (signal.removeEventListener("abort", onAbort), resolve()));
    signal.addEventListener("abort", onAbort, { once: true });
  });
}
