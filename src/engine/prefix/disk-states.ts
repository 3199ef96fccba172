import { closeSync, mkdirSync, openSync, readdirSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { errorText } from "../../core/error-text.ts";
import { bindingKey, ownerKey, tokensKey } from "./binding.ts";
import { commonTokens } from "./common.ts";
import type { MemoryStates, State } from "./memory-states.ts";
import { copyChecked, readNote, removeState, stateNameOf, statePath, StateWriting, type StateNote } from "./state-file.ts";

/** What states on disk are kept with. */
export interface DiskStatesOptions {
  readonly folder: string;
  readonly diskBytes: number;
  readonly diskAgeMs: number;
  /** What model, context and library they are of. */
  readonly binding: string;
  /** Tells the log what no call can be told. */
  readonly trouble: (what: string) => void;
}

/** A state on disk that may be of use. */
export interface DiskEntry extends StateNote {
  /** Path without what tells its files apart. */
  readonly base: string;
  /** Tenant and binding. */
  readonly owner: string;
}

/** A state that is written, or waits for it. */
interface Waiting {
  /** Path without what tells its files apart. */
  readonly base: string;
  readonly owner: string;
  readonly tokens: Uint32Array;
  readonly bytes: number;
  readonly descriptor: number;
}

interface Writing extends Waiting {
  readonly writing: StateWriting;
}

/** States that wait to be written; further ones are left out. */
const mostWaiting = 16;
/** An engine that ends has so long to write what waits. */
const lastWordsMs = 1000;

/** States of prompts that outlive the process, in a folder that other engines may use too: accounted in bytes over all of them; the oldest by use go first. */
export class DiskStates {
  readonly #options: DiskStatesOptions;
  readonly #entries = new Map<string, DiskEntry>();
  readonly #owners = new Map<string, string>();
  readonly #waiting: Waiting[] = [];
  #writing: Writing | undefined;

  constructor(options: DiskStatesOptions) {
    this.#options = options;
    this.#makeFolder();
    this.#evict(0);
    const names = new Set(readdirSync(options.folder).flatMap((file) => stateNameOf(file) ?? []));
    for (const name of names) if (name.startsWith(bindingKey(options.binding))) this.#read(name);
  }

  /** A tenant's states, with what each has in common with some tokens. */
  *matches(tenant: string, tokens: ArrayLike<number>): Generator<{ readonly entry: DiskEntry; readonly common: number }> {
    const owner = this.#ownerOf(tenant);
    for (const entry of this.#entries.values()) if (entry.owner === owner) yield { entry, common: commonTokens(entry.tokens, tokens) };
  }

  /** Puts a tenant's state back into memory; undefined when there is no room, or it is not what it was: then it is deleted. */
  restore(entry: DiskEntry, tenant: string, memory: MemoryStates): State | undefined {
    const { base, tokens, bytes } = entry;
    try {
      const content = { tenant, tokens, promptTokens: tokens.length, isShared: true };
      const state = memory.adopt(content, bytes, (path) => copyChecked(base, entry, path));
      this.#touch(base);
      return state;
    } catch (error) {
      this.#options.trouble(`a prompt's state on disk could not be read and is deleted: ${errorText(error)}`);
      this.#forget(base);
      return undefined;
    }
  }

  /** A state was of use, also if it came from memory. */
  used(state: State): void {
    const { base } = this.#placeOf(state);
    if (this.#entries.has(base)) this.#touch(base);
  }

  /** Has a state written, when there is time. */
  keep(state: State): void {
    const { owner, base } = this.#placeOf(state);
    const isKnown = this.#entries.has(base) || [this.#writing, ...this.#waiting].some((each) => each?.base === base);
    if (isKnown || this.#waiting.length >= mostWaiting || state.bytes > this.#options.diskBytes) return;
    this.#waiting.push({ base, owner, tokens: state.tokens, bytes: state.bytes, descriptor: openSync(state.path, "r") });
  }

  get isWriting(): boolean {
    return this.#writing !== undefined || this.#waiting.length > 0;
  }

  /** Writes the next piece of what waits. */
  write(): void {
    try {
      this.#writing ??= this.#begin();
      if (this.#writing === undefined) return;
      const { writing, base, owner } = this.#writing;
      const note = writing.step();
      if (note === undefined) return;
      this.#writing = undefined;
      this.#entries.set(base, { ...note, base, owner });
    } catch (error) {
      this.#options.trouble(`a prompt's state could not be written to disk: ${errorText(error)}`);
      this.#giveUp();
    }
  }

  /** Writes what waits, as far as there is time. */
  close(): void {
    const untilMs = performance.now() + lastWordsMs;
    while (this.isWriting && performance.now() < untilMs) this.write();
    this.#giveUp();
    for (const { descriptor } of this.#waiting.splice(0)) closeSync(descriptor);
  }

  #begin(): Writing | undefined {
    const next = this.#waiting.shift();
    if (next === undefined) return undefined;
    try {
      // Somebody may have emptied the data folder.
      this.#makeFolder();
      this.#evict(next.bytes);
    } catch (error) {
      closeSync(next.descriptor);
      throw error;
    }
    return { ...next, writing: new StateWriting(next.base, next) };
  }

  #giveUp(): void {
    const base = this.#writing?.base;
    this.#writing?.writing.close();
    this.#writing = undefined;
    if (base !== undefined) this.#remove(base);
  }

  #makeFolder(): void {
    mkdirSync(this.#options.folder, { recursive: true, mode: 0o700 });
  }

  #read(name: string): void {
    const [binding, tenant, key] = name.split("-");
    const base = join(this.#options.folder, name);
    try {
      const note = readNote(base);
      if (tokensKey(note.tokens) !== key) throw new Error("it is of other tokens than its name says");
      this.#entries.set(base, { ...note, base, owner: `${binding}-${tenant}` });
    } catch (error) {
      // What another engine is just writing has no note yet.
      if (hasCode(error, "ENOENT")) return;
      this.#options.trouble(`a prompt's state on disk is deleted: ${errorText(error)}`);
      this.#remove(base);
    }
  }

  /** Deletes what is too old, and then the oldest until so many bytes more fit. */
  #evict(bytes: number): void {
    const { folder, diskBytes, diskAgeMs } = this.#options;
    const found = new Map<string, { bytes: number; usedMs: number }>();
    for (const file of readdirSync(folder)) {
      const name = stateNameOf(file);
      if (name === undefined) continue;
      const { size, mtimeMs } = statSync(join(folder, file), { throwIfNoEntry: false }) ?? { size: 0, mtimeMs: Date.now() };
      const known = found.get(name) ?? { bytes: 0, usedMs: 0 };
      found.set(name, { bytes: known.bytes + size, usedMs: Math.max(known.usedMs, mtimeMs) });
    }
    let total = [...found.values()].reduce((sum, each) => sum + each.bytes, bytes);
    for (const [name, each] of [...found].toSorted(([, one], [, other]) => one.usedMs - other.usedMs)) {
      if (total <= diskBytes && Date.now() - each.usedMs <= diskAgeMs) break;
      this.#forget(join(folder, name));
      total -= each.bytes;
    }
  }

  #forget(base: string): void {
    this.#entries.delete(base);
    this.#remove(base);
  }

  /** What cannot be deleted stays, and harms nobody: a prompt must not fail for it. */
  #remove(base: string): void {
    try {
      removeState(base);
    } catch (error) {
      this.#options.trouble(`a prompt's state on disk could not be deleted: ${errorText(error)}`);
    }
  }

  /** Another engine may have deleted it; and a folder that can only be read keeps no account of what is used. */
  #touch(base: string): void {
    const now = new Date();
    try {
      utimesSync(statePath(base), now, now);
    } catch (error) {
      if (!hasCode(error, "ENOENT", "EROFS", "EACCES", "EPERM"))
        this.#options.trouble(`a prompt's state on disk could not be marked as used: ${errorText(error)}`);
    }
  }

  #placeOf({ tenant, tokens }: State): { readonly owner: string; readonly base: string } {
    const owner = this.#ownerOf(tenant);
    return { owner, base: join(this.#options.folder, `${owner}-${tokensKey(tokens)}`) };
  }

  #ownerOf(tenant: string): string {
    const known = this.#owners.get(tenant);
    if (known !== undefined) return known;
    const key = ownerKey(this.#options.binding, tenant);
    if (this.#owners.size >= 10_000) this.#owners.clear();
    this.#owners.set(tenant, key);
    return key;
  }
}

function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && "code" in error && codes.includes(String(error.code));
}
