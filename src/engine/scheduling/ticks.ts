import type { Batches } from "./batch.ts";
import type { PrefillBudget } from "./prefill-budget.ts";
import { step, type Turn } from "./slots.ts";

/** What ticks are run with. */
export interface TicksOptions {
  readonly batches: Pick<Batches, "expect">;
  readonly budget: Pick<PrefillBudget, "stepMs" | "measured">;
  /** A token may wait so long for the next one of its stream, so that one message carries both; where that one is late, a step longer. */
  readonly tokenWaitMs: number;
  /** Tells callers what has come of the ticks so far. */
  readonly tell: () => void;
}

/** Evaluates tick after tick, measures them, and tells what came of them while the next one runs. */
export class Ticks {
  readonly #options: TicksOptions;
  #beganMs: number | undefined;
  /** Since when the oldest token waits that nobody has been told. */
  #waitsSinceMs: number | undefined;
  /** Tells what waits, should the next token come later than it usually does. */
  #timer: NodeJS.Timeout | undefined;

  constructor(options: TicksOptions) {
    this.#options = options;
  }

  /** How long the tick that runs has been at work in the native library, ms; 0 when none does. */
  get runningMs(): number {
    return this.#beganMs === undefined ? 0 : performance.now() - this.#beganMs;
  }

  /** Evaluates the turns together. What the last tick brought may wait for what this one brings where this is just like that one (`isSteady`). */
  async run(turns: readonly Turn[], isSteady: boolean): Promise<void> {
    const { batches, budget } = this.#options;
    const generating = turns.filter(({ taken }) => taken.choice.isGenerating).length;
    const promptTokens = turns.reduce((sum, turn) => sum + turn.promptTokens, 0);
    let hasDecoded = false;
    batches.expect(generating, () => {
      hasDecoded = true;
      if (isSteady && this.#hold()) return;
      // Told before, the last tick's tokens wake the parent just when the library makes the threads of this one, which then often find themselves on one core and stay there: of steps of 7 ms some took 40.
      setImmediate(() => this.tell());
    });
    const beganMs = performance.now();
    this.#beganMs = beganMs;
    await Promise.all(turns.map(step));
    this.#beganMs = undefined;
    const endedMs = performance.now();
    this.#waitsSinceMs ??= endedMs;
    if (!hasDecoded) this.tell();
    budget.measured({ ms: endedMs - beganMs, promptTokens, generating });
  }

  /** Tells callers what there is, at once. */
  tell(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waitsSinceMs = undefined;
    this.#options.tell();
  }

  /** Has the oldest token that was not told wait for the one of this tick, if that will come in time. */
  #hold(): boolean {
    const { budget, tokenWaitMs } = this.#options;
    if (this.#waitsSinceMs === undefined) return false;
    const leftMs = this.#waitsSinceMs + tokenWaitMs - performance.now();
    if (budget.stepMs > leftMs) return false;
    // A step later than it should be needed: a tick that takes a little longer than usual ends first, and the next decode tells.
    this.#timer ??= setTimeout(() => this.tell(), leftMs + budget.stepMs);
    return true;
  }
}
