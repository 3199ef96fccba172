import { randomBytes } from "node:crypto";
import type { Keys } from "../core/keys.ts";
import type { Clock, Log } from "../core/ports.ts";
import { asFault, fault } from "../core/reasons.ts";
import type { Secret } from "../core/secret.ts";
import { digestWith } from "./digest.ts";
import { readKeyFile } from "./key-file.ts";
import { keyTable, type KeyTable } from "./key-table.ts";
import { readPepper } from "./pepper.ts";
import { readStoredKeys, type IsScope, type StoredKey } from "./stored-key.ts";
import { watchFile } from "./watch-file.ts";

/** A key that stands in no file. */
export interface GivenKey {
  readonly tenant: string;
  readonly key: Secret;
}

/** Where keys come from. */
export interface KeySources {
  /** The file of keys; need not be there. */
  readonly file: string;
  /** Whether it must be. */
  readonly isFileRequired: boolean;
  readonly pepperFile: string;
  /** Of the environment: each may do everything but management. */
  readonly given: readonly GivenKey[];
  readonly isScope: IsScope;
}

/** Keys that follow their file. */
export interface KeyRing extends Keys {
  /** Reads the file again at once; resolves when that is done. A bad one is logged, and what was read before goes on to hold. */
  reload(): Promise<void>;
  close(): void;
}

/** Reads the keys, and again whenever their file changes. Throws `invalid_request` that names the file where the first reading fails. */
export async function openKeys(sources: KeySources, { clock, log }: { readonly clock: Clock; readonly log: Log }): Promise<KeyRing> {
  const { file } = sources;
  // Before the first reading, so that no change is missed.
  const stop = await watchFile(file, clock, () => void reload());
  let { table, isThere } = await readTable(sources).catch((error: unknown) => {
    stop();
    throw error;
  });
  let problem = "";
  let reading: Promise<void> = Promise.resolve();
  const reread = async () => {
    try {
      const next = await readTable(sources);
      // A file that is gone opens nothing: who takes a lock away must start anew.
      if (isThere && !next.isThere) throw fault("invalid_request", `${file}: it is gone`);
      ({ table, isThere } = next);
      problem = "";
      log.info("keys read", { file, keys: table.size });
    } catch (error) {
      const { rawMessage } = asFault(error);
      if (rawMessage !== problem) log.error("the keys cannot be read: those that were read before hold", { file, problem: rawMessage });
      problem = rawMessage;
    }
  };
  const reload = () => (reading = reading.then(reread));
  return {
    get isLocked() {
      return isThere || table.size > 0;
    },
    find: (key, isLoopback) => table.find(key, { isLoopback, nowMs: clock.now() }),
    reload,
    close: stop,
  };
}

/** Reads everything there is now. */
async function readTable(sources: KeySources): Promise<{ readonly table: KeyTable; readonly isThere: boolean }> {
  const { file, isFileRequired, pepperFile, given, isScope } = sources;
  const content = await readKeyFile(file);
  if (content === undefined && isFileRequired) throw fault("invalid_request", `${file}: there is no such file of keys`);
  const stored = content === undefined ? [] : readStoredKeys(file, content, isScope);
  const needsPepper = stored.some(({ hash }) => hash !== undefined);
  const pepper = needsPepper ? await readPepper(pepperFile) : undefined;
  if (needsPepper && pepper === undefined)
    throw fault("invalid_request", `${file}: it holds hashes, and the pepper that they were made with, ${pepperFile}, is not there`);
  checkGiven(given);
  const all = [...given.map(storedFrom), ...stored];
  return { table: keyTable(file, all, digestWith(pepper ?? randomBytes(32))), isThere: content !== undefined };
}

/** What the environment says is not to be sought in the file. */
function checkGiven(given: readonly GivenKey[]): void {
  const seen = new Set<string>();
  for (const [index, { key }] of given.entries()) {
    if (seen.has(key.reveal())) throw fault("invalid_request", `LLM_API_KEYS: its key ${index + 1} stands there twice`);
    seen.add(key.reveal());
  }
}

function storedFrom({ tenant, key }: GivenKey, index: number): StoredKey {
  return { id: `environment-${index + 1}`, tenant, key: key.reveal() };
}
