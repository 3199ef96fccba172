import type { Limits } from "../../core/limits.ts";
import type { Clock } from "../../core/ports.ts";

/** Attempts that are remembered: enough that a target which fails now and then is not taken for a dead one, few enough that a dead one is noticed soon after a busy time. */
const remembered = 50;

/** An attempt that was given less time than this, and brought nothing in it, says nothing of its target, ms: callers in a hurry do not open it for all others. */
const leastSilenceMs = 1000;

/** What a circuit breaker says: `open`: ask others first; `half-open`: one call finds out. */
export type CircuitState = "closed" | "open" | "half-open";

/** What a circuit breaker needs. */
export interface CircuitOptions {
  readonly clock: Clock;
  readonly limits: Pick<Limits, "breakerWindowMs" | "breakerAttempts" | "breakerPercent" | "breakerOpenMs" | "breakerOpenCapMs">;
  /** Called when it has opened or closed. */
  readonly onChange: (state: "closed" | "open") => void;
}

/** An attempt as a circuit knows it: a probe, or not; and its place among those that succeeded, once it has. */
export interface Trial {
  readonly isProbe: boolean;
  readonly atMs: number;
  place: number;
}

/** The circuit breaker of one target. It only says how the target fares: whoever has nobody else to ask asks it all the same. */
export class Circuit {
  readonly #options: CircuitOptions;
  readonly #atMs = new Float64Array(remembered);
  readonly #hasFailed = new Uint8Array(remembered);
  #noted = 0;
  #isOpen = false;
  #isProbing = false;
  #untilMs = 0;
  #openings = 0;
  #closedMs = Number.NEGATIVE_INFINITY;

  constructor(options: CircuitOptions) {
    this.#options = options;
  }

  /** How the target fares. */
  state(): CircuitState {
    if (!this.#isOpen) return "closed";
    return this.#options.clock.now() < this.#untilMs ? "open" : "half-open";
  }

  /** Whether a call may come in its turn: it is closed, or half-open and nobody is finding out yet. */
  isAskable(): boolean {
    if (!this.#isOpen) return true;
    return !this.#isProbing && this.state() === "half-open";
  }

  /** An attempt is made; exactly one of `ended`, `silent` and `failed` must follow, `succeeded` may come before it. */
  begin(): Trial {
    const isProbe = this.#isOpen && this.isAskable();
    if (isProbe) this.#isProbing = true;
    return { isProbe, atMs: this.#options.clock.now(), place: -1 };
  }

  /** It has brought content. */
  succeeded(trial: Trial): void {
    trial.place = this.#note(0);
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#isProbing = false;
    this.#closedMs = this.#options.clock.now();
    this.#noted = 0; // what came before says nothing of now
    trial.place = this.#note(0);
    this.#options.onChange("closed");
  }

  /** It is over, and says no more of the target: it came to its end, or it was the caller who ended it. */
  ended({ isProbe, place }: Trial): void {
    if (isProbe && place < 0) this.#isProbing = false;
  }

  /** Its call's time was over before it had brought anything: it has failed, if it had some time. */
  silent(trial: Trial): void {
    if (this.#options.clock.now() - trial.atMs < leastSilenceMs) this.ended(trial);
    else this.failed(trial);
  }

  /** It has failed by the target's fault; one that had succeeded before counts as failed alone. */
  failed(trial: Trial): void {
    const { isProbe, place } = trial;
    if (place < 0) this.#note(1);
    else if (place < this.#noted && place >= this.#noted - remembered) this.#hasFailed[place % remembered] = 1;
    if (isProbe && place < 0) {
      this.#isProbing = false;
      this.#open();
    } else if (!this.#isOpen && this.#isTooMuch()) this.#open();
  }

  /** Attempts of late, and how many of them failed. */
  recent(): { readonly attempts: number; readonly failed: number } {
    const sinceMs = this.#options.clock.now() - this.#options.limits.breakerWindowMs;
    let attempts = 0;
    let failed = 0;
    for (let place = Math.min(this.#noted, remembered) - 1; place >= 0; place--) {
      if ((this.#atMs[place] ?? 0) < sinceMs) continue;
      attempts++;
      failed += this.#hasFailed[place] ?? 0;
    }
    return { attempts, failed };
  }

  #note(hasFailed: 0 | 1): number {
    const place = this.#noted++;
    this.#atMs[place % remembered] = this.#options.clock.now();
    this.#hasFailed[place % remembered] = hasFailed;
    return place;
  }

  #isTooMuch(): boolean {
    const { attempts, failed } = this.recent();
    const { breakerAttempts, breakerPercent } = this.#options.limits;
    return attempts >= breakerAttempts && failed * 100 >= attempts * breakerPercent;
  }

  #open(): void {
    const { clock, limits, onChange } = this.#options;
    const nowMs = clock.now();
    if (nowMs - this.#closedMs > limits.breakerWindowMs && !this.#isOpen) this.#openings = 0;
    const wasOpen = this.#isOpen;
    this.#isOpen = true;
    this.#untilMs = nowMs + Math.min(limits.breakerOpenCapMs, limits.breakerOpenMs * 2 ** this.#openings++);
    if (!wasOpen) onChange("open");
  }
}
