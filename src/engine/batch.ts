import type { BatchItem, PrioritizedBatchItem } from "node-llama-cpp";
import type { EngineDecode } from "./protocol.ts";

/** Puts each decode's sequences in the order of their ids, and counts them. */
export interface Batches {
  /** Strategy for the context's batching: llama.cpp fuses sequences into one pass only where their ids rise by one. */
  readonly strategy: (options: { readonly items: readonly BatchItem[]; readonly size: number }) => PrioritizedBatchItem[];
  /** Tells what the coming tick evaluates, in the order of sequence ids, and how many of them generate. */
  expect(tokens: readonly (readonly number[])[], activeSequences: number): void;
  /** Decodes since the last call. */
  take(): EngineDecode[];
}

/** Batches of a context whose every evaluation belongs to a tick. */
export function batches(): Batches {
  let expected: readonly (readonly number[])[] = [];
  let active = 0;
  let decodes: EngineDecode[] = [];
  return {
    strategy({ items, size }) {
      const ordered = inOrder(items, expected);
      const prioritized: PrioritizedBatchItem[] = [];
      let left = size;
      for (const item of ordered) {
        const processAmount = Math.min(item.tokens.length, left);
        if (processAmount === 0) break;
        prioritized.push({ item, processAmount });
        left -= processAmount;
      }
      decodes.push([prioritized.length, active]);
      return prioritized;
    },
    expect(tokens, activeSequences) {
      expected = tokens;
      active = activeSequences;
    },
    take() {
      const taken = decodes;
      decodes = [];
      return taken;
    },
  };
}

/** Items arrive in the order in which their evaluations began, except that those which read a prompt come later than those which generate. They carry no id, but their tokens tell them apart; among equals the order of arrival is that of the ids. */
function inOrder(items: readonly BatchItem[], expected: readonly (readonly number[])[]): readonly BatchItem[] {
  if (items.every((item, index) => isSame(item.tokens, expected[index]))) return items;
  const left = [...items];
  const ordered: BatchItem[] = [];
  for (const tokens of expected) {
    const at = left.findIndex((item) => isSame(item.tokens, tokens));
    if (at >= 0) ordered.push(...left.splice(at, 1));
  }
  return [...ordered, ...left];
}

function isSame(tokens: readonly number[], others: readonly number[] | undefined): boolean {
  return others !== undefined && tokens.length === others.length && tokens.every((token, index) => token === others[index]);
}
