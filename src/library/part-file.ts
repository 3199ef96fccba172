import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { open, readFile, rename, rm, writeFile, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";

/** What must be known of the bytes of an interrupted pull to go on with them. */
export interface PartState {
  /** Which source they are from. */
  readonly source: string;
  /** What that source called them. */
  readonly validator: string | undefined;
  /** The hash that the whole file will have, lower-case hex. */
  readonly sha256: string;
}

/** A file that is being pulled: its first bytes, and the hash of them so far. */
export interface PartFile {
  readonly doneBytes: number;
  /** Says how the bytes can be gone on with after an interruption. */
  describe(state: PartState): Promise<void>;
  append(bytes: Uint8Array): Promise<void>;
  /** Throws all bytes away and begins anew. */
  restart(): Promise<void>;
  /** Hash of the bytes so far, lower-case hex. */
  digest(): string;
  /** Makes the bytes durable under the final name. */
  moveTo(path: string): Promise<void>;
  /** Deletes the bytes, which are wrong. */
  discard(): Promise<void>;
  readonly isDiscarded: boolean;
  /** Closes the file, wherever it is now; its bytes stay for a later pull. */
  close(): Promise<void>;
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

/** Opens the unfinished file of a final path: with the bytes it has when `keep`, which are read once for their hash, else empty. */
export async function openPart(path: string, keep: boolean): Promise<PartFile> {
  const handle = await open(partPath(path), constants.O_RDWR | constants.O_CREAT | (keep ? 0 : constants.O_TRUNC), 0o644);
  let hash = createHash("sha256");
  let doneBytes = 0;
  let isDiscarded = false;
  if (keep) {
    for await (const chunk of handle.createReadStream({ start: 0, autoClose: false, highWaterMark: 1024 * 1024 })) {
      hash.update(chunk as Buffer);
      doneBytes += (chunk as Buffer).length;
    }
  }
  const removeState = () => rm(statePath(path), { force: true });
  if (!keep) await removeState();
  return {
    get doneBytes() {
      return doneBytes;
    },
    get isDiscarded() {
      return isDiscarded;
    },
    describe: (state) => writeFile(statePath(path), JSON.stringify(state)),
    async append(bytes) {
      for (let at = 0; at < bytes.length;) at += (await handle.write(bytes, at, bytes.length - at, doneBytes + at)).bytesWritten;
      hash.update(bytes);
      doneBytes += bytes.length;
    },
    async restart() {
      await removeState();
      await handle.truncate(0);
      hash = createHash("sha256");
      doneBytes = 0;
    },
    digest: () => hash.copy().digest("hex"),
    async moveTo(final) {
      await handle.sync();
      await rename(partPath(path), final);
      await syncFolder(dirname(final));
      await removeState();
    },
    async discard() {
      isDiscarded = true;
      await rm(partPath(path), { force: true });
      await removeState();
    },
    close: () => handle.close(),
  };
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
