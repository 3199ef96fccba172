import type { TickPlan } from "./prefill-budget.ts";
import type { PrefillShare, Reader } from "./prefill-share.ts";
import { tokensRead, type Slot, type Taken, type Turn } from "./slots.ts";

/** Everybody who generates, and who reads a prompt as far as the tick's budget goes; in the order of sequence ids. */
export function takeTurns(slots: readonly Slot[], share: PrefillShare, promptBudget: (tick: TickPlan) => number): Turn[] {
  const ready = slots.flatMap(({ taken }) => (taken !== undefined && canGo(taken) ? [taken] : []));
  const reading = ready.filter(({ choice }) => !choice.isGenerating);
  const readers = reading.map((taken) => reader(taken, slots));
  const left = readers.reduce((sum, each) => sum + each.left, 0);
  const budget = reading.length === 0 ? 0 : promptBudget({ generating: ready.length - reading.length, reading: reading.length, left });
  const given = share.share(readers, budget);
  for (const [index, taken] of reading.entries()) taken.clock = readers[index]!.clock;
  const turns = ready.map((taken) => ({ taken, promptTokens: taken.choice.isGenerating ? 0 : given[reading.indexOf(taken)]! }));
  return turns.filter(({ taken, promptTokens }) => taken.choice.isGenerating || promptTokens > 0);
}

/** Whether all who have a slot and are not paused had one of these turns, in which none read a prompt. */
export function areAllGenerating(slots: readonly Slot[], turns: readonly Turn[]): boolean {
  const taken = slots.reduce((sum, slot) => sum + (slot.taken === undefined || slot.taken.job.isPaused ? 0 : 1), 0);
  return turns.length > 0 && taken === turns.length && turns.every(({ promptTokens }) => promptTokens === 0);
}

/** Jobs that read their prompt. */
export function jobsReading(slots: readonly Slot[]): number[] {
  return slots.flatMap(({ taken }) => (taken?.choice?.isGenerating === false && !taken.isEnded ? [taken.job.id] : []));
}

function canGo(taken: Taken): taken is Turn["taken"] {
  return taken.choice !== undefined && !taken.job.isPaused && !taken.job.isOver && !taken.isEnded;
}

/** Whoever is waited for reads for all of them, as urgently as the most urgent, and stops where the next of them starts from. */
function reader(taken: Turn["taken"], slots: readonly Slot[]): Reader {
  const waiting = slots.flatMap(({ taken: other }) => (other?.hold?.on === taken ? [{ job: other.job, tokens: other.hold.tokens }] : []));
  const read = tokensRead(taken);
  const boundary = Math.min(...waiting.map(({ tokens }) => tokens).filter((tokens) => tokens > read));
  const isUrgent = [taken, ...waiting].some(({ job }) => job.priority === "interactive");
  return {
    priority: isUrgent ? "interactive" : "batch",
    left: Math.min(taken.choice.promptTokensLeft, boundary - read),
    waiting: waiting.length + 1,
    clock: taken.clock,
  };
}
