import type { Clock } from "../../core/ports.ts";

/** What leases need. */
export interface LeasesOptions {
  readonly clock: Clock;
  /** So long after the last lease nobody wants it any more, ms; 0: somebody always might. */
  readonly keepAliveMs: () => number;
  readonly onUnwanted: () => void;
}

/** Counts who has something in hand, and says when nobody has had it for a while. */
export class Leases {
  readonly #options: LeasesOptions;
  readonly #held = new Set<object>();
  #onLast = () => {};
  #cancel = () => {};

  constructor(options: LeasesOptions) {
    this.#options = options;
  }

  /** Takes one; the answer gives it back. */
  take(): () => void {
    const lease = {};
    this.#held.add(lease);
    this.#cancel();
    return () => {
      if (this.#held.delete(lease) && this.#held.size === 0) this.#last();
    };
  }

  /** Forgets those that are held: what they are of is gone. */
  clear(): void {
    this.#held.clear();
    this.#onLast();
    this.#cancel();
  }

  /** The while without a lease begins now, unless there is one. */
  restart(): void {
    this.#cancel();
    const { clock, keepAliveMs, onUnwanted } = this.#options;
    const ms = keepAliveMs();
    if (this.#held.size === 0 && ms > 0) this.#cancel = clock.after(ms, onUnwanted);
  }

  /** Resolves when none is held. */
  async none(): Promise<void> {
    if (this.#held.size > 0) await new Promise<void>((resolve) => (this.#onLast = resolve));
  }

  #last(): void {
    this.#onLast();
    this.restart();
  }
}
