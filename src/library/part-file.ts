import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { open, readFile, rename, rm, writeFile, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { throwIfAborted } from "../core/signals.ts";

/** What must be known of the bytes of an interrupted pull to go on with them. */
export interface PartState {
  /** Which source they are from. */
  readonly source: string;
  /** What that source called them. */
  readonly validator: string | undefined;
  /** The hash that the whole file will have, lower-case hex. */
  readonly sha256: string;
}

/** Where an unfinished file lies. */
export function partPath(path: string): string {
  return `${path}.part`;
}

function statePath(path: string): string {
  return `${path}.resume.part`;
}

/** Reads what an interrupted pull left; undefined when there is nothing to go on with. */
export async function readPartState(path: string): Promise<PartState | undefined> {
  try {
    const { source, validator, sha256 } = JSON.parse(await readFile(statePath(path), "utf8")) as Partial<PartState>;
    if (typeof source !== "string" || typeof sha256 !== "string") return undefined;
    return { source, sha256, validator: typeof validator === "string" ? validator : undefined };
  } catch {
    return undefined; // none, or cut off while it was written: the bytes cannot be trusted then
  }
}

/** A file that is being pulled: its first bytes, and the hash of them so far. Must be closed. */
export class PartFile {
  readonly #path: string;
  readonly #handle: FileHandle;
  #hash = createHash("sha256");
  #doneBytes = 0;
  #isDiscarded = false;

  private constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  /** Opens the unfinished file of a final path without any bytes. */
  static async empty(path: string): Promise<PartFile> {
    await removeState(path);
    return new PartFile(path, await open(partPath(path), flags | constants.O_TRUNC));
  }

  /** Opens it with the bytes that an earlier pull left, which are read for their hash. */
  static async kept(path: string, signal: AbortSignal): Promise<PartFile> {
    const part = new PartFile(path, await open(partPath(path), flags));
    try {
      await part.#readAll(signal);
      return part;
    } catch (error) {
      await part.close();
      throw error;
    }
  }

  get doneBytes(): number {
    return this.#doneBytes;
  }

  /** Whether its bytes were found wrong. */
  get isDiscarded(): boolean {
    return this.#isDiscarded;
  }

  /** Says how the bytes can be gone on with after an interruption. */
  describe(state: PartState): Promise<void> {
    return writeFile(statePath(this.#path), JSON.stringify(state));
  }

  async append(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const { bytesWritten } = await this.#handle.write(bytes, at, bytes.length - at, this.#doneBytes + at);
      at += bytesWritten;
    }
    this.#hash.update(bytes);
    this.#doneBytes += bytes.length;
  }

  /** Throws all bytes away and begins anew. */
  async restart(): Promise<void> {
    await removeState(this.#path);
    await this.#handle.truncate(0);
    this.#hash = createHash("sha256");
    this.#doneBytes = 0;
  }

  /** Hash of the bytes so far, lower-case hex. */
  digest(): string {
    return this.#hash.copy().digest("hex");
  }

  /** Makes the bytes durable under the final name. */
  async finish(): Promise<void> {
    await this.#handle.sync();
    await rename(partPath(this.#path), this.#path);
    await syncFolder(dirname(this.#path));
    await removeState(this.#path);
  }

  /** Deletes the bytes, which are wrong. */
  async discard(): Promise<void> {
    this.#isDiscarded = true;
    await rm(partPath(this.#path), { force: true });
    await removeState(this.#path);
  }

  /** Closes the file, wherever it is now; its bytes stay for a later pull. */
  close(): Promise<void> {
    return this.#handle.close();
  }

  async #readAll(signal: AbortSignal): Promise<void> {
    const bytes: AsyncIterable<Buffer> = this.#handle.createReadStream({ start: 0, autoClose: false, highWaterMark: 1024 * 1024 });
    for await (const chunk of bytes) {
      throwIfAborted(signal);
      this.#hash.update(chunk);
      this.#doneBytes += chunk.length;
    }
  }
}

/** A link in its place would lead the bytes elsewhere. */
const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;

async function removeState(path: string): Promise<void> {
  await rm(statePath(path), { force: true });
}

/** Makes the rename itself durable, where the system can. */
async function syncFolder(directory: string): Promise<void> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(directory);
    await handle.sync();
  } catch (error) {
    if (!["EISDIR", "EPERM", "EINVAL", "ENOTSUP", "EACCES"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  } finally {
    await handle?.close();
  }
}
