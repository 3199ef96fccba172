import { isKnownName } from "./api/access.ts";
import type { LoadedConfig } from "./config.ts";
import type { Settings } from "./config/settings.ts";
import { systemClock } from "./core/clock.ts";
import { isScope, type Keys } from "./core/keys.ts";
import { isLoopbackHost } from "./core/loopback.ts";
import type { Clock, Log } from "./core/ports.ts";
import { silentLog } from "./telemetry/log.ts";
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

/** Reads the keys that a configuration names, to see whether they can be used. Throws `invalid_request` where they cannot. */
export async function checkKeys(loaded: LoadedConfig): Promise<void> {
  (await openServiceKeys(loaded, { log: silentLog, clock: systemClock })).close();
}

/** Says where no key is needed. */
export function warnOfOpenDoors({ settings: { open } }: Pick<LoadedConfig, "settings">, keys: Keys, log: Log): void {
  if (keys.isLocked && open) log.warn("keys are not required: everyone who can connect is served");
  else if (!keys.isLocked)
    log.warn(open ? "no keys: everyone who can connect is served" : "no keys: every program on this machine is served");
}

/** Opens the keys that a configuration names. Throws `invalid_request` for a file that cannot be used. */
export async function openServiceKeys(loaded: LoadedConfig, parts: { readonly log: Log; readonly clock: Clock }): Promise<KeyRing> {
  const { settings, keys: given } = loaded;
  // Where other machines are let in for its sake alone, it must not have gone meanwhile.
  const isNeeded = !settings.open && !isLoopbackHost(settings.host) && given.length === 0;
  return openKeys({ ...keyStoreOf(loaded), isFileRequired: settings.isKeysFileNamed || isNeeded, given }, parts);
}
