import type { EngineRequest } from "../protocol/request.ts";

/** Somebody who has a prompt to read. */
export interface Reader {
  readonly priority: EngineRequest["priority"];
  /** How much it can use now. */
  readonly left: number;
  /** How many wait for what it reads, itself included. */
  readonly waiting: number;
  /** Its clock: how much it has been given, by its weight; `PrefillShare` alone changes it. */
  clock: number;
}

/** So much faster interactive prompts are read than those of batch. */
const weights = { interactive: 4, batch: 1 } as const;
/** Longest piece in which a tick is shared. */
const mostPieceTokens = 64;

/** Shares the reading of prompts: whoever has had the least for its weight is next, so that a long prompt keeps no short one waiting and nobody starves. */
export class PrefillShare {
  /** Of whoever was given something last. Newcomers begin here, so that however many come, each older prompt has its turn. */
  #now = 0;

  /** What each reader gets of so many tokens, in the order of `readers`. */
  share(readers: readonly Reader[], tokens: number): number[] {
    const given = readers.map(() => 0);
    // Pieces of one length are read in one pass; and prompts of one length that came together end together, so that they go on in full batches.
    const pieceTokens = Math.min(mostPieceTokens, Math.max(1, Math.floor(tokens / readers.length)));
    for (let left = tokens; left > 0;) {
      const at = this.#next(readers, given);
      const reader = readers[at];
      if (reader === undefined) break;
      const piece = Math.min(pieceTokens, left, reader.left - given[at]!);
      given[at]! += piece;
      left -= piece;
      reader.clock += piece / (weights[reader.priority] * reader.waiting);
      this.#now = Math.max(this.#now, reader.clock);
    }
    return given;
  }

  /** Where a newcomer's clock begins. */
  get now(): number {
    return this.#now;
  }

  #next(readers: readonly Reader[], given: readonly number[]): number {
    let best = -1;
    for (const [index, { left, clock }] of readers.entries())
      if (given[index]! < left && (best < 0 || clock < readers[best]!.clock)) best = index;
    return best;
  }
}
