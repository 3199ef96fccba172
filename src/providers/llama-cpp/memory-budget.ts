import { freemem } from "node:os";
import type { ConnectError } from "@connectrpc/connect";
import { limitFault, type Limits } from "../../core/limits.ts";
import type { Clock } from "../../core/ports.ts";
import { fault } from "../../core/reasons.ts";
import { sizeText } from "../../core/size-text.ts";
import type { EngineEstimate, EngineSize } from "../../engine/protocol/load.ts";

/** Who holds memory, or wants some. */
export interface Holder {
  readonly model: string;
  /** Loaded, and in nobody's hands: it may be unloaded. */
  isIdle(): boolean;
  /** When it was last in somebody's hands, on the clock. */
  lastUsedMs(): number;
  /** Begins to unload it. */
  unload(): Promise<void>;
}

/** Memory that a process may take, until it is given back. */
export interface Claim {
  /** Place of the size among those of the estimate. */
  readonly size: number;
  /** Must be called once the process has ended. */
  readonly release: () => void;
}

/** What the models of this machine may take together. Memory of GPUs is said by each estimate. */
export interface MemoryBudgetOptions {
  readonly ramBytes: number;
  readonly limits: Pick<Limits, "maxLoadedModels" | "modelMemoryMs">;
  readonly clock: Clock;
}

/** Sizes that nobody asked for shrink to so many sequences before an idle model is unloaded for them, and further only when that does not help. */
const modestSequences = 4;
/** Of the budget, sequences that nobody asked for may take so much. */
const shareOfSequences = 0.5;
/** A caller whose load found no room may try again after so long, ms. */
const retryAfterMs = 5000;

interface Held {
  readonly holder: Holder;
  readonly size: EngineSize;
  /** Resolves when the memory is free. */
  readonly freed: PromiseWithResolvers<void>;
  isLeaving: boolean;
}

interface Waiting {
  readonly holder: Holder;
  readonly estimate: EngineEstimate;
  readonly settle: (how: () => Promise<Claim>) => void;
}

/** A size that fits, once some have been unloaded. */
interface Placement {
  readonly size: number;
  readonly leaving: readonly Held[];
}

/** Shares memory among models: who finds none has the least recently used idle ones unloaded, and waits while all are busy. */
export class MemoryBudget {
  readonly #options: MemoryBudgetOptions;
  readonly #held = new Set<Held>();
  readonly #waiting = new Set<Waiting>();

  constructor(options: MemoryBudgetOptions) {
    this.#options = options;
  }

  get ramBytes(): number {
    return this.#options.ramBytes;
  }

  /** Memory of GPUs that is held now. */
  get heldVramBytes(): number {
    return [...this.#held].reduce((sum, { size }) => sum + size.vramBytes, 0);
  }

  /** Memory of GPUs that the processes of one model hold now. */
  vramBytesOf(model: string): number {
    return [...this.#held].reduce((sum, { holder, size }) => (holder.model === model ? sum + size.vramBytes : sum), 0);
  }

  /**
   * Takes memory for one of the sizes; `ended` takes the wish back. Throws `model_too_large` when no size ever fits,
   * `queue_timeout` when models that are busy held the memory for too long.
   */
  async claim(holder: Holder, estimate: EngineEstimate, ended: Promise<unknown>): Promise<Claim> {
    refuseHopeless(holder.model, estimate, this.#options.ramBytes);
    const placement = this.#place(estimate);
    return placement === undefined ? this.#room(holder, estimate, ended) : this.#take(holder, estimate, placement);
  }

  /** Looks again whether those who wait can have memory: something has become idle or has ended. */
  look(): void {
    for (const { holder, estimate, settle } of this.#waiting) {
      const placement = this.#place(estimate);
      if (placement !== undefined) settle(() => this.#take(holder, estimate, placement));
    }
  }

  /** Counts the memory and begins the unloads at once, so that two claims never get the same; resolves when it is free. */
  #take(holder: Holder, { sizes }: EngineEstimate, { size: place, leaving }: Placement): Promise<Claim> {
    const size = sizes[place];
    if (size === undefined) throw new TypeError("a placement is one of the sizes");
    const held: Held = { holder, size, freed: Promise.withResolvers<void>(), isLeaving: false };
    this.#held.add(held);
    const release = () => {
      this.#held.delete(held);
      held.freed.resolve();
      this.look();
    };
    for (const each of leaving) {
      each.isLeaving = true;
      // The memory is free when its process has ended, however it did; what else goes wrong is its engine's to tell.
      each.holder.unload().catch(() => {});
    }
    const before = [...this.#held].filter(({ isLeaving }) => isLeaving).map(({ freed }) => freed.promise);
    return Promise.all(before).then(() => ({ size: place, release }));
  }

  #room(holder: Holder, estimate: EngineEstimate, ended: Promise<unknown>): Promise<Claim> {
    const { clock, limits } = this.#options;
    return new Promise((resolve) => {
      const settle = (how: () => Promise<Claim>) => {
        // No longer waiting before anything is taken: what is unloaded for it makes others look again.
        if (!this.#waiting.delete(waiting)) return;
        cancel();
        resolve(how());
      };
      const waiting: Waiting = { holder, estimate, settle };
      const cancel = clock.after(limits.modelMemoryMs, () => settle(() => Promise.reject(this.#noRoom(waiting))));
      this.#waiting.add(waiting);
      const givenUp = () => fault("engine_failed", `the process of model "${holder.model}" ended while it waited for memory`);
      void ended.then(() => settle(() => Promise.reject(givenUp())));
    });
  }

  /** The best size that fits now, and who must leave for it; undefined when only busy ones could. */
  #place(estimate: EngineEstimate): Placement | undefined {
    const sizes = possibleSizes(estimate, this.#options.ramBytes);
    const modest = sizes.filter(({ size }) => size.sequences >= modestSequences);
    const smaller = sizes.filter((each) => !modest.includes(each));
    for (const group of [modest, smaller]) {
      const alone = group.find(({ size }) => this.#fits(size, estimate, []));
      if (alone !== undefined) return { size: alone.place, leaving: [] };
      for (const { size, place } of group) {
        const leaving = this.#leaversFor(size, estimate);
        if (leaving !== undefined) return { size: place, leaving };
      }
    }
    return undefined;
  }

  #fits(size: EngineSize, { mostVramBytes }: EngineEstimate, without: readonly Held[]): boolean {
    const staying = [...this.#held].filter((held) => !held.isLeaving && !without.includes(held));
    const sum = (bytes: (size: EngineSize) => number) => staying.reduce((total, { size: each }) => total + bytes(each), bytes(size));
    return (
      staying.length < this.#options.limits.maxLoadedModels &&
      sum(({ ramBytes }) => ramBytes) <= this.#options.ramBytes &&
      sum(({ vramBytes }) => vramBytes) <= mostVramBytes
    );
  }

  /** As few of the least recently used idle ones as make room. */
  #leaversFor(size: EngineSize, estimate: EngineEstimate): readonly Held[] | undefined {
    const idle = [...this.#held]
      .filter(({ holder, isLeaving }) => !isLeaving && holder.isIdle())
      .toSorted((a, b) => a.holder.lastUsedMs() - b.holder.lastUsedMs());
    const leaving: Held[] = [];
    for (const held of idle) {
      leaving.push(held);
      if (this.#fits(size, estimate, leaving)) return leaving;
    }
    return undefined;
  }

  #noRoom({ holder, estimate }: Waiting): ConnectError {
    const { limits, ramBytes: budget } = this.#options;
    const staying = [...this.#held].filter(({ isLeaving }) => !isLeaving);
    const held = staying.reduce((sum, { size }) => sum + size.ramBytes, 0);
    const needed = estimate.sizes.at(-1)?.ramBytes ?? 0;
    const others = `${staying.length} ${staying.length === 1 ? "model that is" : "models that are"} busy (${sizeText(held)} of ${sizeText(budget)}; at most ${limits.maxLoadedModels} models)`;
    return limitFault(
      "modelMemoryMs",
      `model "${holder.model}" needs ${sizeText(needed)} of memory beside ${others}, and none became idle within ${limits.modelMemoryMs} ms: try again later, or unload one`,
      { retryAfterMs, metadata: { model: holder.model, needed_bytes: String(needed), budget_bytes: String(budget) } },
    );
  }
}

/** Sizes that the whole budget has room for; of those that nobody asked for, what their sequences add must leave some to others. */
function possibleSizes({ sizes, mostVramBytes }: EngineEstimate, mostRamBytes: number) {
  const least = sizes.at(-1) ?? { ramBytes: 0, vramBytes: 0 };
  const leavesSome = (size: EngineSize) =>
    size.ramBytes - least.ramBytes <= mostRamBytes * shareOfSequences &&
    size.vramBytes - least.vramBytes <= mostVramBytes * shareOfSequences;
  return sizes
    .map((size, place) => ({ size, place }))
    .filter(({ size }) => size.ramBytes <= mostRamBytes && size.vramBytes <= mostVramBytes && leavesSome(size));
}

function refuseHopeless(model: string, { sizes, mostVramBytes }: EngineEstimate, mostRamBytes: number): void {
  const least = sizes.at(-1);
  if (least === undefined || (least.ramBytes <= mostRamBytes && least.vramBytes <= mostVramBytes)) return;
  const isRam = least.ramBytes > mostRamBytes;
  const [needed, budget] = isRam ? [least.ramBytes, mostRamBytes] : [least.vramBytes, mostVramBytes];
  const [what, setting, more] = isRam ? ["memory", "LLM_MODEL_MEMORY", ""] : ["GPU memory", "LLM_GPU_MEMORY", " or fewer gpu_layers"];
  const shape = `${least.sequences} ${least.sequences === 1 ? "sequence" : "sequences"} of ${least.contextLength} tokens`;
  throw fault(
    "model_too_large",
    `model "${model}" needs ${sizeText(needed)} of ${what} with ${shape}, and the budget is ${sizeText(budget)}: ` +
      `load it with a smaller context_length, fewer sequences, kv_type q8_0${more}, choose a smaller model, or raise ${setting}`,
    { metadata: { model, needed_bytes: String(needed), budget_bytes: String(budget) } },
  );
}

/** Of the memory that is free for this process, as its container allows it, models may take so much where nobody says. */
const shareOfMemory = 0.8;

/** The budget where none is configured, bytes. */
export function defaultRamBudget(): number {
  return Math.floor(Math.min(process.availableMemory(), freemem()) * shareOfMemory);
}
