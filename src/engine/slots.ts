import type { LlamaContextSequence } from "node-llama-cpp";
import type { Choice } from "./choice.ts";
import type { Job } from "./job.ts";

/** The place of one sequence. Places are taken lowest id first, so that the ids in a batch have no holes. */
export interface Slot {
  readonly sequence: LlamaContextSequence;
  /** Its sequence could not be cleared: nobody gets it again. */
  isBroken: boolean;
  taken: { readonly job: Job; readonly choice: Choice; isEnded: boolean } | undefined;
}

/** Part of one choice in a tick. */
export interface Turn {
  readonly taken: NonNullable<Slot["taken"]>;
  /** How much of its prompt it may read. */
  readonly promptTokens: number;
}

/** Whether a choice may have it. */
export function isFree({ taken, isBroken }: Slot): boolean {
  return taken === undefined && !isBroken;
}

/** Evaluates one turn. It begins before it returns its promise, so that turns arrive in order; an error is its job's alone. */
export async function step({ taken, promptTokens }: Turn): Promise<void> {
  try {
    const result = await taken.choice.step(promptTokens);
    if (taken.job.isOver) return;
    taken.isEnded = result.end !== undefined;
    taken.job.stepped(taken.choice, result);
  } catch (error) {
    taken.job.fail(error);
  }
}

/** Everybody who generates, and who reads a prompt as far as the tick's chunk goes; in the order of sequence ids. */
export function takeTurns(slots: readonly Slot[], chunk: number): Turn[] {
  const turns: Turn[] = [];
  let left = chunk;
  for (const { taken } of slots) {
    if (taken === undefined || taken.job.isPaused || taken.job.isOver) continue;
    const promptTokens = taken.choice.isGenerating ? 0 : Math.min(left, taken.choice.promptTokensLeft);
    if (!taken.choice.isGenerating && promptTokens === 0) continue;
    left -= promptTokens;
    turns.push({ taken, promptTokens });
  }
  return turns;
}
