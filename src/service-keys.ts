import { isKnownName } from "./api/access.ts";
import type { LoadedConfig } from "./config.ts";
import type { Settings } from "./config/settings.ts";
import { isScope } from "./core/keys.ts";
import type { Clock, Log } from "./core/ports.ts";
import type { KeyStore } from "./keys/key-store.ts";
import { openKeys, type KeyRing } from "./keys/ring.ts";

/** Where the keys of a configuration are kept. */
export function keyStoreOf({
  settings: { keysFile, pepperFile },
}: {
  readonly settings: Pick<Settings, "keysFile" | "pepperFile">;
}): KeyStore {
  return { file: keysFile, pepperFile, isScope: (word) => isScope(word) || isKnownName(word) };
}

/** Opens the keys that a configuration names, and says once where none are needed. Throws `invalid_request` for a file that cannot be used. */
export async function openServiceKeys(loaded: LoadedConfig, parts: { readonly log: Log; readonly clock: Clock }): Promise<KeyRing> {
  const { settings, keys: given } = loaded;
  const keys = await openKeys({ ...keyStoreOf(loaded), isFileRequired: settings.isKeysFileNamed, given }, parts);
  if (!keys.isLocked)
    parts.log.warn(settings.open ? "no keys: everyone who can connect is served" : "no keys: every program on this machine is served");
  else if (settings.open) parts.log.warn("keys are not required: everyone who can connect is served");
  return keys;
}
