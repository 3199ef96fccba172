import type { LlamaContextSequence, Token } from "node-llama-cpp";
import type { Choice, ChoicePlace } from "../answering/choice.ts";
import type { Job } from "./job.ts";
import { commonTokens } from "../prefix/common.ts";

/** The place of one sequence. */
export interface Slot {
  /** Place of its sequence in a batch. */
  readonly id: number;
  readonly sequence: LlamaContextSequence;
  /** Its sequence could not be cleared: nobody gets it again. */
  isBroken: boolean;
  taken: Taken | undefined;
  /** What its sequence holds from before. */
  left: Left | undefined;
}

/** What a choice that has ended has left in its sequence. */
export interface Left {
  readonly tenant: string;
  readonly tokens: readonly Token[];
  /** Of these, so many are a prompt. */
  readonly promptTokens: number;
  /** Rises from one to the next. */
  readonly order: number;
}

/** A choice in a slot. */
export interface Taken {
  readonly job: Job;
  readonly make: (place: ChoicePlace) => Choice;
  /** Rises from one to the next: nobody waits for a younger one. */
  readonly order: number;
  /** Undefined until it is settled what its sequence begins with. */
  choice: Choice | undefined;
  /** What it waits for. */
  hold: Hold | undefined;
  /** Whether it has waited long enough. */
  isTiredOfWaiting: boolean;
  isEnded: boolean;
  /** Whether nobody knows what its sequence holds. */
  isSpoilt: boolean;
  /** Of its share of prompt reading. */
  clock: number;
}

/** Waits until another choice has read so many tokens of what both begin with. */
export interface Hold {
  readonly on: Taken;
  readonly tokens: number;
  readonly untilMs: number;
}

/** Part of one choice in a tick. */
export interface Turn {
  readonly taken: Taken & { readonly choice: Choice };
  /** How much of its prompt it may read. */
  readonly promptTokens: number;
}

/** Whether a choice may have it. */
export function isFree({ taken, isBroken }: Slot): boolean {
  return taken === undefined && !isBroken;
}

/** Tokens of its prompt that a choice's sequence holds. */
export function tokensRead({ choice, job }: Taken): number {
  return choice === undefined ? 0 : job.prompt.tokens.length - choice.promptTokensLeft;
}

/** Evaluates one turn. It begins before it returns its promise, so that turns arrive in order; an error is its job's alone. */
export async function step({ taken, promptTokens }: Turn): Promise<void> {
  const { job, choice } = taken;
  try {
    const result = await choice.step(promptTokens);
    if (job.isOver) return;
    taken.isEnded = result.end !== undefined || hasNothingToDo(choice);
    job.stepped(choice, result);
  } catch (error) {
    taken.isSpoilt = true;
    job.fail(error);
  }
}

/** Whether it has read its prompt and draws nothing. */
export function hasNothingToDo({ isGenerating, promptTokensLeft }: Choice): boolean {
  return !isGenerating && promptTokensLeft === 0;
}

/**
 * The free slot for a job. The library evaluates sequences in one pass only where their ids rise by one: so holes among those at work are filled first, then their neighbours are taken.
 * Where it makes no difference, that which holds the most of the job's prompt, then that which nobody has used for the longest time.
 */
export function chooseSlot(slots: readonly Slot[], { tenant, prompt }: Pick<Job, "tenant" | "prompt">): Slot | undefined {
  const atWork = slots.filter(({ taken }) => taken !== undefined).map(({ id }) => id);
  const [lowest, highest] = [Math.min(...atWork), Math.max(...atWork)];
  const distance = ({ id }: Slot) => (atWork.length === 0 || (id > lowest && id < highest) ? 0 : Math.max(lowest - id, id - highest));
  const match = (slot: Slot) => held(slot, { tenant, prompt });
  const candidates = slots.filter(isFree).map((slot) => ({ slot, keys: [distance(slot), -match(slot), slot.left?.order ?? 0, slot.id] }));
  return candidates.toSorted(({ keys: one }, { keys: other }) => compare(one, other))[0]?.slot;
}

/** Tokens of a job's prompt that none of the sequences holds. */
export function tokensToRead(slots: readonly Slot[], job: Pick<Job, "tenant" | "prompt">): number {
  return job.prompt.tokens.length - Math.max(0, ...slots.map((slot) => held(slot, job)));
}

/** How much of a job's prompt a free sequence begins with. */
function held({ left }: Slot, { tenant, prompt }: Pick<Job, "tenant" | "prompt">): number {
  return left?.tenant === tenant ? commonTokens(left.tokens, prompt.tokens) : 0;
}

function compare(one: readonly number[], other: readonly number[]): number {
  const at = one.findIndex((value, index) => value !== other[index]);
  return at < 0 ? 0 : one[at]! - other[at]!;
}
