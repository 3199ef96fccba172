import type { Clock } from "../../core/ports.ts";

/** A crash so soon after the load is one of a loop. */
const loopMs = 60_000;
/** After so many crashes in a loop the model is given up until somebody asks for it again. */
const mostCrashes = 3;
const mostWaitMs = 30_000;

/** Counts failures in a row. */
export class CrashLoop {
  readonly #clock: Clock;
  #failures = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get failures(): number {
    return this.#failures;
  }

  /** Whether it is no use to go on. */
  get isHopeless(): boolean {
    return this.#failures >= mostCrashes;
  }

  /** What had served since then has crashed. */
  crashed(sinceMs: number): void {
    this.#failures = this.#clock.now() - sinceMs < loopMs ? this.#failures + 1 : 1;
  }

  /** It could not even begin. */
  failed(): void {
    this.#failures++;
  }

  /** It has ended as it should. */
  forget(): void {
    this.#failures = 0;
  }

  /** How long to wait after so many failures, ms: twice as long each time. */
  waitMs(failures: number): number {
    return Math.min(mostWaitMs, 1000 * 2 ** Math.max(0, failures - 1));
  }
}
