import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { Log } from "../core/ports.ts";

/** Hashes of files that were read whole once, so that nobody reads gigabytes again to know them. */
export interface VerifiedHashes {
  /** Lower-case hex; undefined when this state of the file was never hashed. */
  get(key: string): string | undefined;
  /** Remembers a hash, on disk too. A disk that cannot be written costs a warning and nothing else. */
  put(key: string, sha256: string): Promise<void>;
}

const maxEntries = 1000;

/** Opens the table of hashes; one that cannot be read begins empty, for it can be computed again. */
export async function openVerifiedHashes(path: string, log: Log): Promise<VerifiedHashes> {
  const hashes = await read(path, log);
  return {
    get: (key) => hashes.get(key),
    async put(key, sha256) {
      hashes.set(key, sha256);
      try {
        // Another process may have added its own meanwhile.
        for (const [otherKey, hash] of await read(path, log)) hashes.set(otherKey, hash);
        await write(path, [...hashes].slice(-maxEntries));
      } catch (error) {
        log.warn("the hash of a model could not be kept", { path, error });
      }
    },
  };
}

async function read(path: string, log: Log): Promise<Map<string, string>> {
  try {
    const json: unknown = JSON.parse(await readFile(path, "utf8"));
    const entries = Object.entries(json ?? {}).filter((entry): entry is [string, string] => /^[0-9a-f]{64}$/.test(String(entry[1])));
    return new Map(entries);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") log.warn("the hashes of models could not be read", { path, error });
    return new Map();
  }
}

async function write(path: string, entries: readonly (readonly [string, string])[]): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, `${JSON.stringify(Object.fromEntries(entries), undefined, 1)}\n`);
  await rename(temporary, path);
}
