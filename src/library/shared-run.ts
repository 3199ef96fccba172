import { fault } from "../core/reasons.ts";
import { abortFault, untilAborted } from "../core/signals.ts";

/** One run that several watch; it is aborted when the last of them has left. */
export class SharedRun<State> {
  /** Settles when the run has ended, in whatever way. */
  readonly ended: Promise<void>;
  readonly #controller = new AbortController();
  #latest: { readonly state: State } | undefined;
  #outcome: { readonly error?: unknown } | undefined;
  #change = Promise.withResolvers<void>();
  #watchers = 0;

  constructor(start: (signal: AbortSignal) => AsyncIterable<State>) {
    this.ended = this.#run(start);
  }

  /** Whether it was aborted; it may still be about to end. */
  get isAborted(): boolean {
    return this.#controller.signal.aborted;
  }

  abort(reason: Error): void {
    this.#controller.abort(reason);
  }

  /** Watches the run from its present state on: a slow watcher misses states, but never the last one. Ends or throws as the run does. */
  async *watch(signal: AbortSignal): AsyncGenerator<State, void, undefined> {
    let seen: { readonly state: State } | undefined;
    this.#watchers++;
    try {
      while (true) {
        if (signal.aborted) throw abortFault(signal);
        const { promise } = this.#change;
        if (this.#latest !== undefined && this.#latest !== seen) {
          seen = this.#latest;
          yield seen.state;
        } else if (this.#outcome === undefined) await untilAborted(promise, signal);
        else if ("error" in this.#outcome) throw this.#outcome.error;
        else return;
      }
    } finally {
      this.#watchers--;
      if (this.#watchers === 0) this.abort(fault("caller_gone", "nobody waits for it any more"));
    }
  }

  async #run(start: (signal: AbortSignal) => AsyncIterable<State>): Promise<void> {
    try {
      for await (const state of start(this.#controller.signal)) {
        this.#latest = { state };
        this.#announce();
      }
      this.#outcome = {};
    } catch (error) {
      this.#outcome = { error };
    }
    this.#announce();
  }

  #announce(): void {
    const { resolve } = this.#change;
    this.#change = Promise.withResolvers();
    resolve();
  }
}
