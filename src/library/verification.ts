import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import type { ModelFile } from "../core/ports.ts";
import { fault } from "../core/reasons.ts";
import { throwIfAborted, untilAborted } from "../core/signals.ts";
import { fileKey } from "./file-key.ts";
import type { ModelFolder } from "./model-folder.ts";
import type { VerifiedHashes } from "./verified-hashes.ts";

/** What files are verified with. */
export interface VerificationOptions {
  readonly folder: ModelFolder;
  readonly hashes: VerifiedHashes;
  /** Hash that the catalog has for the model of an id; undefined: none. */
  readonly expected: (id: string) => string | undefined;
}

/** Makes sure that a file that goes by the name of a catalog's model has that model's bytes, and that the hash of any file is known: what is kept of prompts is bound to it. */
export interface Verification {
  /** Reads the file whole unless that was done before, now or in an earlier life. Throws `data_corrupt`. */
  verify(name: string, signal: AbortSignal): Promise<void>;
  /** Ends what is being read. */
  close(): void;
}

/** A verification that reads each file once, however many ask for it. */
export function verification({ folder, hashes, expected }: VerificationOptions): Verification {
  const running = new Map<string, Promise<void>>();
  const closing = new AbortController();

  const hash = async ({ path }: ModelFile) => {
    const key = fileKey(await stat(path, { bigint: true }));
    const sha256 = await sha256Of(path, closing.signal);
    await hashes.put(key, sha256);
    await folder.rescan();
  };
  return {
    async verify(name, signal) {
      const file = folder.table().byName.get(name);
      // A file whose hash is known goes by the catalog's name only where it is the catalog's.
      if (file === undefined || file.sha256 !== "") return;
      const reading = running.get(file.path) ?? hash(file).finally(() => running.delete(file.path));
      running.set(file.path, reading);
      await untilAborted(reading, signal);
      if (expected(file.id) === undefined || folder.table().byName.get(file.id)?.path === file.path) return;
      throw fault(
        "data_corrupt",
        `the file of model "${file.id}" has other bytes than the catalog's: pull it again, or rename it if it is yours`,
      );
    },
    close: () => closing.abort(),
  };
}

/** Small pieces, since all calls of the service wait while one is computed. */
const pieceBytes = 256 * 1024;

async function sha256Of(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path, { highWaterMark: pieceBytes }) as AsyncIterable<Buffer>) {
    throwIfAborted(signal);
    hash.update(piece);
  }
  return hash.digest("hex");
}
