import { fault } from "../core/reasons.ts";

/** The shutting down of a listener, as its calls see it. */
export interface Drain {
  /** New calls are refused from here on. */
  readonly isDraining: boolean;
  /** Aborted when draining begins: streams that only watch end here. */
  readonly started: AbortSignal;
  /** Aborted with `draining` when the running calls' time is over. */
  readonly signal: AbortSignal;
  /** Calls that run now. */
  readonly running: number;
  begin(): void;
  /** Ends the calls that still run. */
  endCalls(): void;
  /** A call begins; the answer says that it has ended. */
  enter(): () => void;
  /** Resolves when no call runs. */
  idle(): Promise<void>;
}

/** Counts calls, and ends them when told to. */
export function drain(): Drain {
  const controller = new AbortController();
  const begun = new AbortController();
  let running = 0;
  let waiting: (() => void)[] = [];
  return {
    get isDraining() {
      return begun.signal.aborted;
    },
    get running() {
      return running;
    },
    started: begun.signal,
    signal: controller.signal,
    begin: () => begun.abort(),
    endCalls: () => controller.abort(fault("draining", "the service is shutting down; the answer was cut off", { retryAfterMs: 1000 })),
    enter() {
      running += 1;
      let hasLeft = false;
      return () => {
        if (hasLeft) return;
        hasLeft = true;
        running -= 1;
        if (running > 0) return;
        for (const resolve of waiting) resolve();
        waiting = [];
      };
    },
    idle: () => (running === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
  };
}
