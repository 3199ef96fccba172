import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { createKey, type KeyStore } from "../keys/key-store.ts";
import type { StoredKey } from "../keys/stored-key.ts";
import { keyStoreOf } from "../service-keys.ts";
import { temporaryFolder } from "./temporary-folder.ts";
import { join } from "node:path";

/** A store of keys in a folder that is gone after the test. */
export async function temporaryKeys(): Promise<KeyStore> {
  const folder = await temporaryFolder();
  return keysIn(folder);
}

/** The store of keys of a data folder. */
export function keysIn(folder: string): KeyStore {
  const [keysFile, pepperFile] = [join(folder, "keys", "keys.json"), join(folder, "keys", "pepper")];
  return keyStoreOf({ settings: { keysFile, pepperFile } });
}

/** Writes a file of keys as a person would. */
export function writeKeys({ file }: Pick<KeyStore, "file">, keys: readonly StoredKey[]): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, JSON.stringify({ keys }));
}

/** Makes a key in a store, and answers with what a caller shows. */
export async function madeKey(store: KeyStore, wish: Parameters<typeof createKey>[1] = {}): Promise<string> {
  return (await createKey(store, wish, Date.now())).key;
}
