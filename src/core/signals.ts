import { ConnectError } from "@connectrpc/connect";
import { asFault, fault } from "./reasons.ts";
import type { Outcome } from "./stages.ts";

/** A signal of our own that follows another until it is released. */
export interface LinkedSignal {
  readonly signal: AbortSignal;
  /** Aborts the own signal alone. */
  abort(reason: ConnectError): void;
  /** Stops following; must be called when the work has ended, or the outer signal keeps the listener. */
  release(): void;
}

/** Makes a signal that aborts with `outer` or by itself. Cheaper than AbortSignal.any, which keeps weak references for the collector to clear. */
export function linkSignal(outer: AbortSignal): LinkedSignal {
  const controller = new AbortController();
  const follow = () => controller.abort(outer.reason);
  if (outer.aborted) follow();
  else outer.addEventListener("abort", follow, { once: true });
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    release: () => outer.removeEventListener("abort", follow),
  };
}

/** Why an attempt is ended that another of the same call has beaten: the reason of its signal, always this very object, so that the books can tell it from a caller that left. */
export const beaten: ConnectError = fault("caller_gone", "another attempt of this call answered first");

/** Why an attempt is ended that was to go on with an answer, and came in other words: the reason of its signal, always this very object. */
export const discarded: ConnectError = fault("caller_gone", "its words are not those of the answer that it was to go on with");

/** Why a signal was aborted, as a fault: a deadline, a drain or a limit where its reason says so, else a caller that went away. */
export function abortFault(signal: AbortSignal): ConnectError {
  const reason: unknown = signal.reason;
  if (reason instanceof ConnectError) return asFault(reason);
  if (reason instanceof Error && reason.name === "TimeoutError")
    return fault("deadline_exceeded", "the deadline has passed", { cause: reason });
  return fault("caller_gone", "the caller went away", { cause: reason });
}

/** Throws why the signal was aborted, if it was. */
export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw abortFault(signal);
}

/** Waits for a promise or the signal, whichever comes first. */
export function untilAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  if (signal.aborted) {
    promise.catch(() => {});
    return Promise.reject(abortFault(signal));
  }
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(abortFault(signal));
    signal.addEventListener("abort", onAbort, { once: true });
    const settle = () => signal.removeEventListener("abort", onAbort);
    promise.then(
      (value) => (settle(), resolve(value)),
      (error: unknown) => (settle(), reject(error as Error)),
    );
  });
}

/** Why a watched stream did not come to its end; undefined when it did. A consumer that left did so because the call was aborted, or went away. */
export function outcomeError(outcome: Outcome, signal: AbortSignal): unknown {
  if (outcome.type === "done") return undefined;
  return outcome.type === "failed" ? outcome.error : abortFault(signal);
}
