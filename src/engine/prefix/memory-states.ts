import type { LlamaContextSequence } from "node-llama-cpp";
import { statfsSync, statSync } from "node:fs";
import { commonTokens } from "./common.ts";
import { memoryFolder, type MemoryFile, type MemoryFolder } from "./memory-file.ts";

/** What a sequence held when it was saved, and for whom. */
export interface Content {
  /** Nobody else may start from it. */
  readonly tenant: string;
  readonly tokens: Uint32Array;
  /** Of these, so many are a prompt; the rest was drawn. */
  readonly promptTokens: number;
  /** Whether several requests begin with exactly these tokens, or somebody said that they will. */
  readonly isShared: boolean;
}

/** A saved state. */
export interface State extends Content {
  readonly path: string;
  readonly bytes: number;
}

interface Kept extends State {
  readonly file: MemoryFile;
  usedAt: number;
}

/** What states in memory are kept with. */
export interface MemoryStatesOptions {
  readonly folder: string;
  readonly mostBytes: number;
  /** What a token may take at most. */
  readonly bytesPerToken: number;
}

/** Each state is an open file, and is compared with each prompt. */
const mostStates = 256;
/** Of a RAM disk's free space, states may take so much. */
const shareOfDisk = 0.5;

/** States of sequences in files of a RAM disk, accounted in bytes; the least recently used are given up. */
export class MemoryStates {
  readonly #folder: MemoryFolder;
  readonly #mostBytes: number;
  readonly #kept = new Set<Kept>();
  #bytes = 0;
  #uses = 0;
  /** Of the last state that was saved; before that, what a token may take at most. */
  #bytesPerToken: number;

  /** `bytesPerToken` keeps the first state from being larger than all may be. */
  constructor({ folder, mostBytes, bytesPerToken }: MemoryStatesOptions) {
    this.#bytesPerToken = bytesPerToken;
    this.#folder = memoryFolder(folder);
    const { bavail, bsize } = statfsSync(folder);
    this.#mostBytes = Math.min(mostBytes, bavail * bsize * shareOfDisk);
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** A tenant's states, with what each has in common with some tokens. */
  *matches(tenant: string, tokens: ArrayLike<number>): Generator<{ readonly state: State; readonly common: number }> {
    for (const state of this.#kept) if (state.tenant === tenant) yield { state, common: commonTokens(state.tokens, tokens) };
  }

  /** Whether so many tokens may be kept at all, as far as is known. */
  hasRoomFor(tokens: number): boolean {
    return this.#mostBytes > 0 && tokens * this.#bytesPerToken <= this.#mostBytes;
  }

  /** Saves what a sequence holds; undefined when there is no room for it. Throws what the library says. */
  async save(sequence: LlamaContextSequence, content: Content): Promise<State | undefined> {
    const { length } = content.tokens;
    if (!this.hasRoomFor(length)) return undefined;
    this.#makeRoom(length * this.#bytesPerToken);
    const file = this.#folder.file();
    try {
      await sequence.saveStateToFile(file.path);
      const bytes = statSync(file.path).size;
      this.#bytesPerToken = bytes / Math.max(1, length);
      return this.#keep(content, file, bytes);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** Keeps a state that `write` puts into a file of so many bytes; undefined when there is no room for it. */
  adopt(content: Content, bytes: number, write: (path: string) => void): State | undefined {
    if (bytes > this.#mostBytes) return undefined;
    this.#makeRoom(bytes);
    const file = this.#folder.file();
    try {
      write(file.path);
      return this.#keep(content, file, bytes);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** Whether it is still there. */
  has(state: State): boolean {
    return [...this.#kept].some((kept) => kept === state);
  }

  /** It was of use just now. */
  touch(state: State): void {
    for (const kept of this.#kept) if (kept === state) kept.usedAt = ++this.#uses;
  }

  remove(state: State): void {
    const kept = [...this.#kept].find((each) => each === state);
    if (kept === undefined) return;
    this.#kept.delete(kept);
    this.#bytes -= kept.bytes;
    kept.file.close();
  }

  close(): void {
    for (const state of this.#kept) this.remove(state);
    this.#folder.close();
  }

  #keep(content: Content, file: MemoryFile, bytes: number): State | undefined {
    this.#makeRoom(bytes);
    if (bytes > this.#mostBytes) {
      file.close();
      return undefined;
    }
    const kept: Kept = { ...content, path: file.path, bytes, file, usedAt: ++this.#uses };
    this.#forgetPartsOf(kept);
    this.#kept.add(kept);
    this.#bytes += bytes;
    return kept;
  }

  /** An earlier turn of the same conversation is of no more use. */
  #forgetPartsOf({ tenant, tokens }: Content): void {
    for (const { state, common } of [...this.matches(tenant, tokens)])
      if (common === state.tokens.length && (!state.isShared || common === tokens.length)) this.remove(state);
  }

  #makeRoom(bytes: number): void {
    const oldestFirst = [...this.#kept].toSorted((one, other) => one.usedAt - other.usedAt);
    for (const state of oldestFirst) {
      if (this.#bytes + bytes <= this.#mostBytes && this.#kept.size < mostStates) return;
      this.remove(state);
    }
  }
}
