import { timingSafeEqual } from "node:crypto";
import type { Caller } from "../core/context.ts";
import type { KeyProblem } from "../core/keys.ts";
import { fault } from "../core/reasons.ts";
import type { Digest } from "./digest.ts";
import { isBrokenKey } from "./key-text.ts";
import { excessOf } from "./lineage.ts";
import { longestKey, type StoredKey } from "./stored-key.ts";

/** A set of keys as it was once read. */
export interface KeyTable {
  readonly size: number;
  find(key: string, from: { readonly isLoopback: boolean; readonly nowMs: number }): Caller | KeyProblem;
}

interface Holder {
  readonly digest: Buffer;
  /** Made once: a call gets the same caller as the one before. */
  readonly near: Caller;
  readonly far: Caller;
  readonly expiresMs: number;
  readonly isRevoked: boolean;
}

/** Makes a table. Throws `invalid_request` for a key that its parent does not allow, or that stands there twice; `file` is named in it. */
export function keyTable(file: string, keys: readonly StoredKey[], digest: Digest): KeyTable {
  const byId = new Map(keys.map((key) => [key.id, key]));
  const holders = new Map<string, Holder>();
  for (const key of keys) {
    checkParents(file, key, byId);
    const holder = holderOf(key, digest, byId);
    const name = holder.digest.toString("latin1");
    const other = holders.get(name)?.near.keyId;
    if (other !== undefined) throw fault("invalid_request", `${file}: the key of ${key.id} is that of ${other} as well`);
    holders.set(name, holder);
  }
  /** Who has a digest; the comparison takes no longer where more of it is right. */
  const holderWith = (shown: Buffer): Holder | undefined => {
    const holder = holders.get(shown.toString("latin1"));
    return holder !== undefined && timingSafeEqual(holder.digest, shown) ? holder : undefined;
  };
  /** Digests of keys that were shown and are somebody's, so that there are never more than keys: others are hashed each time, and leave nothing behind. */
  const digests = new Map<string, Buffer>();
  return {
    size: keys.length,
    find(key, { isLoopback, nowMs }) {
      const known = digests.get(key);
      if (known === undefined && key.length > longestKey) return "unknown";
      const shown = known ?? digest(key);
      const holder = holderWith(shown);
      if (holder === undefined) return isBrokenKey(key) ? "malformed" : "unknown";
      if (known === undefined) digests.set(key, shown);
      if (holder.isRevoked) return "revoked";
      if (nowMs >= holder.expiresMs) return "expired";
      return isLoopback ? holder.near : holder.far;
    },
  };
}

/** Most keys in a line of parents. */
const longestLine = 8;

/** A key and those above it, nearest first. */
function* lineOf(key: StoredKey, byId: ReadonlyMap<string, StoredKey>): Generator<StoredKey> {
  const seen = new Set<string>();
  for (
    let at: StoredKey | undefined = key;
    at !== undefined && !seen.has(at.id) && seen.size < longestLine;
    at = byId.get(at.parent ?? "")
  ) {
    seen.add(at.id);
    yield at;
  }
}

function checkParents(file: string, key: StoredKey, byId: ReadonlyMap<string, StoredKey>): void {
  if (key.parent === undefined) return;
  const parent = byId.get(key.parent);
  if (parent === undefined) throw fault("invalid_request", `${file}: the parent of ${key.id} is not there`);
  const excess = excessOf(key, parent);
  if (excess !== undefined) throw fault("invalid_request", `${file}: ${key.id} goes beyond its parent ${parent.id} in ${excess}`);
  const line = [...lineOf(key, byId)];
  if (line.at(-1)?.parent !== undefined)
    throw fault("invalid_request", `${file}: ${key.id} is among its own parents, or has more than ${longestLine - 1} above it`);
}

function holderOf(key: StoredKey, digest: Digest, byId: ReadonlyMap<string, StoredKey>): Holder {
  const line = [...lineOf(key, byId)];
  const caller = {
    tenant: key.tenant ?? "default",
    keyId: key.id,
    scopes: key.scopes ?? ["all"],
    models: key.models,
    limits: key.limits,
  };
  return {
    digest: key.hash === undefined ? digest(key.key ?? "") : Buffer.from(key.hash, "hex"),
    near: Object.freeze({ ...caller, isLoopback: true }),
    far: Object.freeze({ ...caller, isLoopback: false }),
    expiresMs: Math.min(...line.map(({ expires }) => (expires === undefined ? Infinity : Date.parse(expires)))),
    isRevoked: line.some(({ revoked }) => revoked !== undefined),
  };
}
