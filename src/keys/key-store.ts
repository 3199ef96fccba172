import { randomBytes } from "node:crypto";
import { chmod, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fault } from "../core/reasons.ts";
import { digestWith } from "./digest.ts";
import { readKeyFile } from "./key-file.ts";
import { keyTable } from "./key-table.ts";
import { newKey } from "./key-text.ts";
import { revokedIn } from "./lineage.ts";
import { ensurePepper, readPepper } from "./pepper.ts";
import { readStoredKeys, type IsScope, type StoredKey } from "./stored-key.ts";

/** Where keys are kept. */
export interface KeyStore {
  readonly file: string;
  readonly pepperFile: string;
  readonly isScope: IsScope;
}

/** What a new key is to be. */
export type KeyWish = Omit<StoredKey, "id" | "hash" | "key" | "created" | "revoked">;

/** Makes a key and keeps its hash. Throws `invalid_request` for a wish that cannot be kept, or that goes beyond the key's parent. */
export async function createKey(
  store: KeyStore,
  wish: KeyWish,
  nowMs: number,
): Promise<{ readonly key: string; readonly stored: StoredKey }> {
  const pepper = await ensurePepper(store.pepperFile);
  const key = newKey();
  const stored: StoredKey = {
    id: `key_${randomBytes(4).toString("hex")}`,
    ...wish,
    hash: digestWith(pepper)(key).toString("hex"),
    created: new Date(nowMs).toISOString(),
  };
  await change(store, pepper, (keys) => {
    const revoked = revokedIn(stored, keys);
    if (revoked !== undefined)
      throw fault("invalid_request", `${store.file}: ${revoked.id} was revoked, and nothing made under it would be taken`);
    return [...keys, stored];
  });
  return { key, stored };
}

/** The keys of the file, oldest first. */
export async function listKeys({ file, isScope }: KeyStore): Promise<readonly StoredKey[]> {
  const content = await readKeyFile(file);
  return content === undefined ? [] : readStoredKeys(file, content, isScope);
}

/** Takes a key back, and with it those that were made under it. Throws `invalid_request` when there is none of that id. */
export async function revokeKey(store: KeyStore, id: string, nowMs: number): Promise<StoredKey> {
  const pepper = (await readPepper(store.pepperFile)) ?? randomBytes(32);
  let revoked: StoredKey | undefined;
  await change(store, pepper, (keys) => {
    const known = keys.find((key) => key.id === id);
    if (known === undefined) throw fault("invalid_request", `${store.file}: there is no key ${JSON.stringify(id.slice(0, 64))}`);
    const taken = { ...known, revoked: known.revoked ?? new Date(nowMs).toISOString() };
    revoked = taken;
    return keys.map((key) => (key === known ? taken : key));
  });
  if (revoked === undefined) throw new TypeError("a key was revoked and is not known");
  return revoked;
}

type Change = (keys: readonly StoredKey[]) => readonly StoredKey[];

/** Reads, changes, checks and replaces the file whole: a service that reads it sees the old one or the new one. */
async function change(store: KeyStore, pepper: Buffer, to: Change): Promise<void> {
  const { file, isScope } = store;
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const lock = `${file}.lock`;
  await take(lock);
  try {
    const keys = to(await listKeys(store));
    const content = `${JSON.stringify({ keys }, undefined, 2)}\n`;
    keyTable(file, readStoredKeys(file, content, isScope), digestWith(pepper));
    const own = `${file}.new`;
    await using handle = await open(own, "w", 0o600);
    await handle.writeFile(content);
    await handle.sync();
    await chmod(own, 0o600);
    await rename(own, file);
  } finally {
    await rm(lock, { force: true });
  }
}

/** How long another command is waited for, ms, and how often it is looked at. */
const patience = { ms: 5000, stepMs: 25 };

async function take(lock: string): Promise<void> {
  for (let waitedMs = 0; ; waitedMs += patience.stepMs) {
    try {
      await (await open(lock, "wx")).close();
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    if (waitedMs >= patience.ms) throw fault("model_state", `${lock}: another command changes the keys; if none does, remove this file`);
    await sleep(patience.stepMs);
  }
}
