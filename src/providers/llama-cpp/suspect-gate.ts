import { limitFault, type Limits } from "../../core/limits.ts";
import type { Clock } from "../../core/ports.ts";
import { abortFault } from "../../core/signals.ts";

/** The way of one request through an engine. */
export interface Passage {
  /** Its prompt has been read. */
  admitted(): void;
  /** It is over. */
  over(): void;
}

/** What a gate needs. */
export interface SuspectGateOptions {
  readonly clock: Clock;
  readonly limits: Pick<Limits, "engineQueue" | "engineQueueMs">;
}

interface Waiter {
  readonly isSuspect: boolean;
  readonly enter: () => void;
  readonly fail: (error: Error) => void;
}

/** Lets a suspect into an engine only while no other request is being admitted, and one suspect at a time: if the engine crashes again, it is known why. Everybody else passes at once while there is no suspect. */
export class SuspectGate {
  readonly #options: SuspectGateOptions;
  readonly #admitting = new Set<Passage>();
  readonly #waiting = new Set<Waiter>();
  #suspect: Passage | undefined;

  constructor(options: SuspectGateOptions) {
    this.#options = options;
  }

  /** Undefined when it must wait. */
  tryEnter(isSuspect: boolean): Passage | undefined {
    return this.#waiting.size === 0 && this.#mayEnter(isSuspect) ? this.#enter(isSuspect) : undefined;
  }

  /** Waits for its turn. Throws `queue_full` and `queue_timeout` as an engine's own queue does. */
  enter(isSuspect: boolean, signal: AbortSignal): Promise<Passage> {
    const { clock, limits } = this.#options;
    if (this.#waiting.size >= limits.engineQueue)
      return Promise.reject(limitFault("engineQueue", `${this.#waiting.size} calls wait for this model already: try again later`));
    const { promise, resolve, reject } = Promise.withResolvers<Passage>();
    const waiter: Waiter = { isSuspect, enter: () => resolve(this.#enter(isSuspect)), fail: reject };
    const leave = (error: Error) => {
      if (!this.#waiting.delete(waiter)) return;
      reject(error);
      this.#look();
    };
    const onAbort = () => leave(abortFault(signal));
    const onLate = () => leave(limitFault("engineQueueMs", `no sequence became free within ${limits.engineQueueMs} ms: try again later`));
    signal.addEventListener("abort", onAbort, { once: true });
    const cancel = clock.after(limits.engineQueueMs, onLate);
    this.#waiting.add(waiter);
    this.#look();
    return promise.finally(() => {
      cancel();
      signal.removeEventListener("abort", onAbort);
    });
  }

  /** Nobody enters any more. */
  close(error: Error): void {
    for (const { fail } of this.#waiting) fail(error);
    this.#waiting.clear();
  }

  #enter(isSuspect: boolean): Passage {
    const passage: Passage = {
      admitted: () => {
        if (this.#admitting.delete(passage)) this.#look();
      },
      over: () => {
        if (this.#suspect === passage) this.#suspect = undefined;
        this.#admitting.delete(passage);
        this.#look();
      },
    };
    this.#admitting.add(passage);
    if (isSuspect) this.#suspect = passage;
    return passage;
  }

  #mayEnter(isSuspect: boolean): boolean {
    if (isSuspect) return this.#suspect === undefined && this.#admitting.size === 0;
    return this.#suspect === undefined || !this.#admitting.has(this.#suspect);
  }

  /** Lets in whoever may; nobody overtakes a suspect that waits for the others alone, or it would wait for ever. */
  #look(): void {
    for (const waiter of this.#waiting) {
      if (this.#mayEnter(waiter.isSuspect)) {
        this.#waiting.delete(waiter);
        waiter.enter();
      } else if (waiter.isSuspect && this.#suspect === undefined) return;
    }
  }
}
