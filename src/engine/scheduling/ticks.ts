import type { Batches } from "./batch.ts";
import type { PrefillBudget } from "./prefill-budget.ts";
import { step, type Turn } from "./slots.ts";

/** What ticks are run with. */
export interface TicksOptions {
  readonly batches: Pick<Batches, "expect">;
  readonly budget: Pick<PrefillBudget, "stepMs" | "measured">;
  /** A token may wait so long for the next one, so that one message carries both. */
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

  constructor(options: TicksOptions) {
    this.#options = options;
  }

  /** How long the tick that runs has been at work in the native library, ms; 0 when none does. */
  get stepMs(): number {
    return this.#beganMs === undefined ? 0 : performance.now() - this.#beganMs;
  }

  /** Evaluates the turns together. What a tick has brought that is `steady`, just like the one before, may be told with what comes next. */
  async run(turns: readonly Turn[], isSteady: boolean): Promise<void> {
    const { batches, budget, tell } = this.#options;
    const generating = turns.filter(({ taken }) => taken.choice.isGenerating).length;
    const promptTokens = turns.reduce((sum, turn) => sum + turn.promptTokens, 0);
    let hasDecoded = false;
    batches.expect(generating, () => {
      hasDecoded = true;
      if (isSteady && this.#mayWait()) return;
      this.#waitsSinceMs = undefined;
      // Told before, the last tick's tokens wake the parent just when the library makes the threads of this one, which then often find themselves on one core and stay there: of steps of 7 ms some took 40.
      setImmediate(tell);
    });
    const beganMs = performance.now();
    this.#beganMs = beganMs;
    await Promise.all(turns.map(step));
    this.#beganMs = undefined;
    const endedMs = performance.now();
    this.#waitsSinceMs ??= endedMs;
    if (!hasDecoded) tell();
    budget.measured({ ms: endedMs - beganMs, promptTokens, generating });
  }

  /** Whether the oldest token that was not told can wait for the one of this tick. */
  #mayWait(): boolean {
    const { budget, tokenWaitMs } = this.#options;
    return this.#waitsSinceMs !== undefined && performance.now() + budget.stepMs - this.#waitsSinceMs <= tokenWaitMs;
  }
}
