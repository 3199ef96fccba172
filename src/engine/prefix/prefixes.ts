import type { LlamaContextSequence } from "node-llama-cpp";
import { errorText } from "../../core/error-text.ts";
import type { LoadedModel } from "../model.ts";
import type { EngineLoad } from "../protocol/load.ts";
import { tokensRead, type Hold, type Left, type Slot, type Taken } from "../scheduling/slots.ts";
import { stateBinding } from "./binding.ts";
import { commonTokens } from "./common.ts";
import { DiskStates } from "./disk-states.ts";
import { MemoryStates, type Content, type State } from "./memory-states.ts";
import { bestSource, comingSource, isComing, leastCopied, ownSource, type Need, type Shelves, type Source } from "./sources.ts";

/** What prefixes are kept with. */
export interface PrefixesOptions {
  readonly loaded: LoadedModel;
  readonly load: Pick<EngineLoad, "prefixCache" | "kvType" | "loraAdapters" | "gpu">;
  readonly slots: readonly Slot[];
  /** Tells the log what no call can be told. */
  readonly trouble: (what: string) => void;
}

/** Shorter beginnings are not worth a state of their own. */
const leastKept = 64;

/**
 * Sees to it that a beginning that several prompts have in common is read once. A prompt starts from the longest one that there is: in its own sequence, in another's, in a state in memory or on disk; and waits while another reads what it needs.
 * States are made of what others wait for, of what prompts were found to have in common, of what was asked to be warmed, and of what a sequence held when another prompt had to take it. The first three outlive the process. Never is anything shared between tenants.
 */
export class Prefixes {
  readonly #options: PrefixesOptions;
  readonly #shelves: Shelves;
  readonly #waitMs: number;

  constructor(options: PrefixesOptions) {
    this.#options = options;
    this.#waitMs = options.load.prefixCache?.waitMs ?? 0;
    this.#shelves = {
      slots: options.slots,
      memory: tried(options, openMemory),
      disk: tried(options, openDisk),
      canCut: options.loaded.sequences[0]?.needsCheckpoints !== true,
    };
  }

  /** Whether something is still to be written to disk. */
  get isWriting(): boolean {
    return this.#shelves.disk?.isWriting === true;
  }

  /** Writes the next piece of it. */
  write(): void {
    this.#shelves.disk?.write();
  }

  /** Settles what a choice begins with: tokens of its prompt that its sequence holds now, and nothing else; undefined: it waits. Throws when its sequence cannot be cleared. */
  async settle(slot: Slot, taken: Taken): Promise<number | undefined> {
    if (taken.hold !== undefined && this.#goesOn(taken.hold)) return undefined;
    taken.isTiredOfWaiting ||= taken.hold !== undefined && performance.now() >= taken.hold.untilMs;
    taken.hold = undefined;
    const { tenant, prompt, mostCached } = taken.job;
    const need: Need = { tenant, tokens: prompt.tokens, most: mostCached };
    const source = bestSource(slot, need, this.#shelves);
    taken.hold = this.#holdFor(taken, need, source);
    return taken.hold === undefined ? this.#begin(slot, { taken, need, source }) : undefined;
  }

  /** Keeps what a free sequence holds for whoever may begin with it. */
  async keep({ sequence, left }: Slot): Promise<void> {
    if (left !== undefined) await this.#share(sequence, left.tenant, left.tokens);
  }

  /** Writes what is left to write, and gives everything in memory back. */
  close(): void {
    this.#shelves.disk?.close();
    this.#shelves.memory?.close();
  }

  #goesOn({ on, tokens, untilMs }: Hold): boolean {
    const isThere = this.#options.slots.some(({ taken }) => taken === on);
    return isThere && isComing(on) && tokensRead(on) < tokens && performance.now() < untilMs;
  }

  #holdFor(taken: Taken, need: Need, source: Source): Hold | undefined {
    const { memory, slots } = this.#shelves;
    if (memory === undefined || this.#waitMs === 0 || taken.isTiredOfWaiting) return undefined;
    const coming = comingSource(taken, need, slots);
    if (coming === undefined || coming.tokens < source.tokens + leastCopied || !memory.hasRoomFor(coming.tokens)) return undefined;
    return { ...coming, untilMs: performance.now() + this.#waitMs };
  }

  async #begin(
    slot: Slot,
    { taken, need, source }: { readonly taken: Taken; readonly need: Need; readonly source: Source },
  ): Promise<number> {
    const { sequence, left } = slot;
    const own = ownSource(slot, need, this.#shelves);
    if (source.type === "state") this.#shelves.memory?.touch(source.state);
    if (left !== undefined) await this.#park(sequence, left, source.type === "own" ? source.tokens : 0);
    slot.left = undefined;
    const state = await this.#stateOf(source, taken);
    const tokens =
      state === undefined
        ? await cutTo(sequence, source.type === "own" || source.type === "nothing" ? source.tokens : own.tokens)
        : await this.#restore(sequence, state, source.tokens);
    this.#used(need, tokens);
    if (tokens >= leastKept && isFork(source, tokens)) await this.#share(sequence, need.tenant, need.tokens.slice(0, tokens));
    return tokens;
  }

  /** States of a beginning that was of use are kept longer, wherever it came from. */
  #used({ tenant, tokens }: Need, used: number): void {
    const { memory, disk } = this.#shelves;
    if (memory === undefined || used === 0) return;
    for (const { state, common } of memory.matches(tenant, tokens.slice(0, used))) {
      if (common < state.tokens.length) continue;
      memory.touch(state);
      if (state.isShared) disk?.used(state);
    }
  }

  /** What is about to be overwritten is kept, unless it is kept already. */
  async #park(sequence: LlamaContextSequence, left: Left, tokensThatStay: number): Promise<void> {
    if (left.tokens.length - tokensThatStay < leastKept) return;
    await this.#save(sequence, { ...left, tokens: Uint32Array.from(left.tokens), isShared: false });
  }

  /** A file to start from; undefined where none is needed or to be had. */
  async #stateOf(source: Source, taken: Taken): Promise<State | undefined> {
    const { memory, disk } = this.#shelves;
    switch (source.type) {
      case "state":
        // What had to be kept of the sequence may have taken its room.
        return memory?.has(source.state) === true ? source.state : undefined;
      case "disk":
        return memory === undefined ? undefined : disk?.restore(source.entry, taken.job.tenant, memory);
      case "slot":
        return this.#save(source.slot.sequence, contentOf(source.slot, taken, source.tokens));
      default:
        return undefined;
    }
  }

  /** Makes a state of exactly these tokens, which several prompts begin with, and has it outlive the process. */
  async #share(sequence: LlamaContextSequence, tenant: string, tokens: readonly number[]): Promise<void> {
    await this.#save(sequence, { tenant, tokens: Uint32Array.from(tokens), promptTokens: tokens.length, isShared: true });
  }

  /** Saves what a sequence holds, unless there is such a state; undefined where there is no room for it, or it failed, which costs no more than what it would have saved. */
  async #save(sequence: LlamaContextSequence, content: Content): Promise<State | undefined> {
    const { memory, disk } = this.#shelves;
    if (memory === undefined) return undefined;
    const known = this.#known(memory, content);
    if (known !== undefined) {
      memory.touch(known);
      return known;
    }
    try {
      const state = await memory.save(sequence, content);
      if (state?.isShared === true) disk?.keep(state);
      return state;
    } catch (error) {
      this.#options.trouble(`a prompt's state could not be saved: ${errorText(error)}`);
      return undefined;
    }
  }

  #known(memory: MemoryStates, { tenant, tokens, isShared }: Content): State | undefined {
    for (const { state, common } of memory.matches(tenant, tokens)) {
      const isSame = common === tokens.length && state.tokens.length === tokens.length;
      const isPart = common === tokens.length && this.#shelves.canCut;
      if (isShared ? isSame && state.isShared : isSame || isPart) return state;
    }
    return undefined;
  }

  /** Loads a state and cuts it to what is of use. One that cannot be loaded, or holds other tokens than it should, is thrown away. */
  async #restore(sequence: LlamaContextSequence, state: State, tokens: number): Promise<number> {
    const { memory } = this.#shelves;
    try {
      await sequence.loadStateFromFile(state.path, { acceptRisk: true });
      const isWhole =
        sequence.nextTokenIndex === state.tokens.length && commonTokens(sequence.contextTokens, state.tokens) === state.tokens.length;
      if (!isWhole) throw new Error("it holds other tokens than it should");
      return await cutTo(sequence, tokens);
    } catch (error) {
      memory?.remove(state);
      this.#options.trouble(`a prompt's state could not be loaded: ${errorText(error)}`);
      return cutTo(sequence, 0);
    }
  }
}

/** A folder that cannot be used costs speed and no more. */
function tried<Shelf>(options: PrefixesOptions, open: (options: PrefixesOptions) => Shelf): Shelf | undefined {
  try {
    return open(options);
  } catch (error) {
    options.trouble(`prompts' states cannot be kept: ${errorText(error)}`);
    return undefined;
  }
}

function openMemory({ loaded: { sequences }, load: { prefixCache } }: PrefixesOptions): MemoryStates | undefined {
  if (prefixCache === undefined) return undefined;
  const context = sequences[0]?.context;
  const bytes = context === undefined ? 0 : context.memoryUsage.ram + context.memoryUsage.vram;
  const bytesPerToken = context === undefined ? 0 : bytes / (context.totalSequences * context.contextSize);
  return new MemoryStates({ folder: prefixCache.memoryFolder, mostBytes: prefixCache.memoryBytes, bytesPerToken });
}

function openDisk({ loaded, load, trouble }: PrefixesOptions): DiskStates | undefined {
  const folder = load.prefixCache?.diskFolder;
  if (load.prefixCache === undefined || folder === undefined) return undefined;
  return new DiskStates({ ...load.prefixCache, folder, trouble, binding: stateBinding(loaded, load) });
}

/** Leaves only the first tokens in a sequence; answers how many are left: none where cutting back is not possible. */
async function cutTo(sequence: LlamaContextSequence, tokens: number): Promise<number> {
  if (tokens > 0 && sequence.nextTokenIndex > tokens) await sequence.adaptStateToTokens(sequence.contextTokens.slice(0, tokens), false);
  if (sequence.nextTokenIndex === tokens) return tokens;
  // Where cutting back is not possible nothing is left.
  await sequence.clearHistory();
  return 0;
}

/** Whether a beginning turned out to be common to prompts that go on differently; a conversation's next turn goes on where the last one ended. */
function isFork(source: Source, tokens: number): boolean {
  if (source.type === "own") return tokens < source.left.promptTokens;
  if (source.type === "state") return !source.state.isShared && tokens < source.state.promptTokens;
  return source.type === "slot" && tokens < (source.slot.taken?.job.prompt.tokens.length ?? source.slot.left?.promptTokens ?? 0);
}

/** What another slot's sequence holds. Whoever has read just what another job waited for holds what both begin with. */
function contentOf({ sequence, taken, left }: Slot, by: Taken, tokens: number): Content {
  const held = Uint32Array.from(sequence.contextTokens);
  if (taken?.choice === undefined) return { tenant: by.job.tenant, tokens: held, promptTokens: left?.promptTokens ?? 0, isShared: false };
  const isShared = taken.job !== by.job && held.length === tokens;
  return {
    tenant: by.job.tenant,
    tokens: held,
    promptTokens: Math.min(held.length, taken.job.prompt.tokens.length),
    isShared: isShared && tokens >= leastKept,
  };
}
