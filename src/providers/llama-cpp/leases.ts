import type { Clock } from "../../core/ports.ts";

/** What leases need. */
export interface LeasesOptions {
  readonly clock: Clock;
  /** So long after the last lease nobody wants it any more, ms; 0: somebody always might. */
  readonly keepAliveMs: () => number;
  readonly onUnwanted: () => void;
  /** The last one was given back. */
  readonly onIdle: () => void;
}

/** Counts who has something in hand, and says when nobody has had it for a while. */
export class Leases {
  readonly #options: LeasesOptions;
  readonly #held = new Set<object>();
  #lastMs = 0;
  #onLast = () => {};
  #endsWithLast = false;
  #cancel = () => {};
  #untilMs: number | undefined;

  constructor(options: LeasesOptions) {
    this.#options = options;
  }

  /** Whether somebody has one. */
  get areHeld(): boolean {
    return this.#held.size > 0;
  }

  /** Whether nobody wants it once the last one has been given back. */
  get doEndWithLast(): boolean {
    return this.#endsWithLast;
  }

  /** When one was last taken or given back, on the clock; 0: never. */
  get lastMs(): number {
    return this.#lastMs;
  }

  /** When nobody wants it any more unless one is taken, on the clock; undefined: never. */
  get untilMs(): number | undefined {
    const { clock, keepAliveMs } = this.#options;
    if (this.#endsWithLast) return clock.now();
    const ms = keepAliveMs();
    if (ms <= 0) return undefined;
    return this.areHeld ? clock.now() + ms : this.#untilMs;
  }

  /** Takes one; the answer gives it back. */
  take(): () => void {
    const lease = {};
    this.#held.add(lease);
    this.#touch();
    this.#cancel();
    return () => {
      if (!this.#held.delete(lease)) return;
      this.#touch();
      if (this.#held.size === 0) this.#last();
    };
  }

  /** Forgets those that are held: what they are of is gone. */
  clear(): void {
    this.#held.clear();
    this.#endsWithLast = false;
    this.#onLast();
    this.#cancel();
  }

  /** The while without a lease begins now, unless there is one; `endsWithLast`: it is no time, until somebody says otherwise. */
  restart(endsWithLast = false): void {
    this.#endsWithLast = endsWithLast;
    this.#wait();
  }

  /** Resolves when none is held. */
  async none(): Promise<void> {
    if (this.#held.size > 0) await new Promise<void>((resolve) => (this.#onLast = resolve));
  }

  #wait(): void {
    this.#cancel();
    const { clock, keepAliveMs, onUnwanted } = this.#options;
    if (this.#held.size > 0) return;
    if (this.#endsWithLast) return onUnwanted();
    const ms = keepAliveMs();
    if (ms <= 0) return;
    this.#untilMs = clock.now() + ms;
    this.#cancel = clock.after(ms, onUnwanted);
  }

  #touch(): void {
    this.#lastMs = this.#options.clock.now();
  }

  #last(): void {
    this.#onLast();
    this.#wait();
    this.#options.onIdle();
  }
}
