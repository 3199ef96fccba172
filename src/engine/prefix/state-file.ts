import { closeSync, openSync, readFileSync, readSync, renameSync, rmSync, statSync, writeFileSync, writeSync } from "node:fs";
import { crc32 } from "node:zlib";
import { isJsonObject, parsedJson } from "../../core/json.ts";

// A state on disk is two files: what the native library wrote, and beside it a note that says which tokens it holds and what its bytes sum up to. The note is written last: without it, there is no state.

/** What the note beside a state says. */
export interface StateNote {
  readonly tokens: Uint32Array;
  readonly bytes: number;
  readonly checksum: number;
}

const format = 1;
const suffix = { state: ".state", note: ".json", unfinished: ".part" } as const;
/** A note has six characters a token or so. */
const mostNoteBytes = 16 * 2 ** 20;
/** Between two pieces, somebody may want to go on. */
const pieceBytes = 4 * 2 ** 20;

/** Path of a state's bytes; its note lies beside it. */
export function statePath(base: string): string {
  return `${base}${suffix.state}`;
}

/** Name of the state that a file in the folder belongs to; undefined for a file of others. */
export function stateNameOf(file: string): string | undefined {
  return /^([0-9a-f]{16}-[0-9a-f]{32}-[0-9a-f]{32})\.(?:state|json|part)$/.exec(file)?.[1];
}

/** Reads a note. Throws when it is none, or does not fit the state. */
export function readNote(base: string): StateNote {
  const path = `${base}${suffix.note}`;
  if (statSync(path).size > mostNoteBytes) throw new Error("it is too long");
  // What the parser would say of a broken note quotes it, and with it a prompt.
  const note = parsedJson(readFileSync(path, "utf8"));
  const { format: written, tokens, bytes, checksum } = isJsonObject(note) ? note : {};
  if (written !== format || typeof tokens !== "string" || typeof bytes !== "number" || typeof checksum !== "number")
    throw new Error("it says something else");
  if (statSync(statePath(base)).size !== bytes) throw new Error("its state has another length");
  const raw = Buffer.from(tokens, "base64");
  if (raw.length === 0 || raw.length % 4 !== 0) throw new Error("it holds no tokens");
  return { tokens: new Uint32Array(new Uint8Array(raw).buffer), bytes, checksum };
}

/** Deletes all files of a state. */
export function removeState(base: string): void {
  for (const end of Object.values(suffix)) rmSync(`${base}${end}`, { force: true });
}

/** Copies a state's bytes. Throws, before anybody reads the copy, when they are not those that were written. */
export function copyChecked(base: string, { checksum, bytes }: StateNote, to: string): void {
  const copy = new Copy(openSync(statePath(base), "r"), to);
  try {
    while (copy.step());
  } finally {
    copy.close();
  }
  if (copy.checksum !== checksum || copy.bytes !== bytes) throw new Error("its bytes are not those that were written");
}

/** What is written of a state. */
export interface StateSource {
  readonly tokens: Uint32Array;
  /** Its file, open for reading: whoever gives up the state meanwhile does no harm. Closed in the end. */
  readonly descriptor: number;
}

/** A state on its way to disk, a piece at a time. */
export class StateWriting {
  readonly #base: string;
  readonly #tokens: Uint32Array;
  readonly #copy: Copy;

  constructor(base: string, { tokens, descriptor }: StateSource) {
    this.#base = base;
    this.#tokens = tokens;
    this.#copy = new Copy(descriptor, `${base}${suffix.unfinished}`);
  }

  /** Writes the next piece; answers with the note when all is written. */
  step(): StateNote | undefined {
    if (this.#copy.step()) return undefined;
    this.#copy.close();
    const { bytes, checksum } = this.#copy;
    renameSync(`${this.#base}${suffix.unfinished}`, statePath(this.#base));
    const tokens = Buffer.from(this.#tokens.buffer, this.#tokens.byteOffset, this.#tokens.byteLength).toString("base64");
    writeFileSync(`${this.#base}${suffix.unfinished}`, JSON.stringify({ format, tokens, bytes, checksum }), { mode: 0o600 });
    renameSync(`${this.#base}${suffix.unfinished}`, `${this.#base}${suffix.note}`);
    return { tokens: this.#tokens, bytes, checksum };
  }

  /** Ends it, however far it is; what is there of it stays. */
  close(): void {
    this.#copy.close();
  }
}

/** Bytes on their way from one file to another. */
class Copy {
  bytes = 0;
  checksum = 0;
  readonly #from: number;
  readonly #to: number;
  readonly #buffer = Buffer.allocUnsafe(pieceBytes);
  #isClosed = false;

  /** Closes `from` in the end, or when there can be no copy. */
  constructor(from: number, to: string) {
    this.#from = from;
    try {
      this.#to = openSync(to, "w", 0o600);
    } catch (error) {
      closeSync(from);
      throw error;
    }
  }

  /** Copies the next piece; false when there is none. */
  step(): boolean {
    const read = readSync(this.#from, this.#buffer, 0, pieceBytes, this.bytes);
    const piece = this.#buffer.subarray(0, read);
    this.checksum = crc32(piece, this.checksum);
    for (let written = 0; written < read;) written += writeSync(this.#to, piece, written, read - written);
    this.bytes += read;
    return read > 0;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    closeSync(this.#from);
    closeSync(this.#to);
  }
}
