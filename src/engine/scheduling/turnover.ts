import { errorText } from "../../core/error-text.ts";
import type { LoadedModel } from "../model.ts";
import type { Outbox } from "../outbox.ts";
import type { Prefixes } from "../prefix/prefixes.ts";
import { hasNothingToDo, type Slot, type Taken } from "./slots.ts";

/** What a turnover works on. */
export interface TurnoverOptions {
  readonly loaded: LoadedModel;
  readonly out: Outbox;
  readonly slots: readonly Slot[];
  readonly prefixes: Prefixes;
  /** While others generate, settling begins nothing more after so long. */
  readonly settleMs: number;
}

/** Between two ticks: choices that have ended leave their sequences, and new ones are settled on theirs. */
export class Turnover {
  readonly #options: TurnoverOptions;
  /** Choices whose sequence turned out to be broken. */
  readonly #displaced: Taken[] = [];

  constructor(options: TurnoverOptions) {
    this.#options = options;
  }

  /** Whether there is something for it to do that no tick brings. */
  get hasMore(): boolean {
    return (
      this.#displaced.length > 0 || this.#options.slots.some(({ taken }) => taken !== undefined && (taken.isEnded || taken.job.isOver))
    );
  }

  /** A choice that needs another slot. */
  nextDisplaced(): Taken | undefined {
    return this.#displaced.shift();
  }

  /** Frees the sequences of choices that have ended or are not wanted any more, and answers with these. Throws when no sequence is left that can be used. */
  async release(order: number): Promise<readonly Taken[]> {
    const { slots, prefixes } = this.#options;
    const left: Taken[] = [];
    for (const slot of slots) {
      const { taken } = slot;
      if (taken === undefined || !(taken.isEnded || taken.job.isOver)) continue;
      await this.#leave(slot, taken, order);
      slot.taken = undefined;
      left.push(taken);
      if (!taken.isEnded || !taken.job.keepsPrompt) continue;
      await prefixes.keep(slot);
      taken.job.hasRead();
    }
    // A new process has all its sequences again.
    if (slots.every(({ isBroken }) => isBroken)) throw new Error("no sequence is left that can be used");
    return left;
  }

  /** Settles what new choices begin with, the oldest first. While others generate it takes no longer than they may wait. */
  async settle(beganMs: number): Promise<void> {
    const { slots, settleMs } = this.#options;
    const open = slots.filter(({ taken }) => taken !== undefined && taken.choice === undefined);
    for (const slot of open.toSorted((one, other) => one.taken!.order - other.taken!.order)) {
      const isAnyoneGenerating = slots.some(({ taken }) => taken?.choice?.isGenerating === true);
      if (isAnyoneGenerating && performance.now() > beganMs + settleMs) return;
      if (slot.taken?.job.isOver === false) await this.#settle(slot, slot.taken);
    }
  }

  async #settle(slot: Slot, taken: Taken): Promise<void> {
    try {
      const cachedTokens = await this.#options.prefixes.settle(slot, taken);
      if (cachedTokens !== undefined && !taken.job.isOver) this.#make(slot, taken, cachedTokens);
    } catch (error) {
      this.#break(slot, error);
      slot.taken = undefined;
      this.#displaced.push(taken);
    }
  }

  /** What cannot begin fails alone. */
  #make({ sequence }: Slot, taken: Taken, cachedTokens: number): void {
    const { loaded, out } = this.#options;
    const { job } = taken;
    out.handling(job.id);
    try {
      taken.choice = taken.make({ sequence, loaded, cachedTokens });
      taken.isEnded = hasNothingToDo(taken.choice);
      job.started(taken.choice);
    } catch (error) {
      job.fail(error);
    } finally {
      out.handling(undefined);
    }
  }

  /** What a sequence holds stays there for whoever begins alike. */
  async #leave(slot: Slot, { choice, job, isSpoilt }: Taken, order: number): Promise<void> {
    const { sequence } = slot;
    try {
      await choice?.close();
      if (isSpoilt) await sequence.clearHistory();
      // Who has not begun has not touched what was there.
      if (choice === undefined) return;
      const tokens = sequence.contextTokens;
      const promptTokens = Math.min(tokens.length, job.prompt.tokens.length);
      slot.left = tokens.length === 0 ? undefined : { tenant: job.tenant, tokens, promptTokens, order };
    } catch (error) {
      this.#break(slot, error);
    }
  }

  #break(slot: Slot, error: unknown): void {
    slot.isBroken = true;
    slot.left = undefined;
    this.#options.out.trouble(`a sequence could not be cleared and is used no more: ${errorText(error)}`);
  }
}
