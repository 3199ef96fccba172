import type { BatchItem, EvaluationPriority, LlamaContextSequence, PrioritizedBatchItem } from "node-llama-cpp";
import type { EngineDecode } from "../protocol/messages.ts";

/** Puts each decode's sequences in the order of their ids, and counts them. */
export interface Batches {
  /** Strategy for the context's batching: llama.cpp fuses sequences into one pass only where their ids rise by one. */
  readonly strategy: (options: { readonly items: readonly BatchItem[]; readonly size: number }) => PrioritizedBatchItem[];
  /** Tells how many sequences generate in the coming tick; `onDecode` is called once, when its first decode begins. */
  expect(activeSequences: number, onDecode?: () => void): void;
  /** Decodes since the last call. */
  take(): EngineDecode[];
}

/** Batches of a context whose every evaluation belongs to a tick. */
export function batches(): Batches {
  let active = 0;
  let begun: (() => void) | undefined;
  let decodes: EngineDecode[] = [];
  return {
    strategy({ items, size }) {
      const ordered = items.toSorted((one, other) => one.evaluationPriority - other.evaluationPriority);
      const prioritized: PrioritizedBatchItem[] = [];
      let left = size;
      for (const item of ordered) {
        const processAmount = Math.min(item.tokens.length, left);
        if (processAmount === 0) break;
        prioritized.push({ item, processAmount });
        left -= processAmount;
      }
      decodes.push([prioritized.length, active]);
      begun?.();
      begun = undefined;
      return prioritized;
    },
    expect(activeSequences, onDecode) {
      active = activeSequences;
      begun = onDecode;
    },
    take() {
      const taken = decodes;
      decodes = [];
      return taken;
    },
  };
}

/**
 * The place of a sequence in batches: every evaluation on it has to be given this as its priority.
 * The library hands a priority on to the strategy as it is and looks at it no further, so that one can say whose the item is; their tokens cannot, since two sequences may evaluate the same one,
 * nor the order in which they arrive: evaluations that yield token after token come before those that are begun anew.
 */
export function placeOf(sequence: LlamaContextSequence, sequences: readonly LlamaContextSequence[]): EvaluationPriority {
  return sequences.indexOf(sequence) as EvaluationPriority;
}
