import { isJsonObject, parsedJson, type JsonObject } from "../core/json.ts";
import { isModelId } from "../core/model-id.ts";
import { fault } from "../core/reasons.ts";

/** What stands in the file of keys for one of them. */
export interface StoredKey {
  /** Names it in logs and lists, such as `key_3fa1c2d4`. */
  readonly id: string;
  /** Whose data it is; default `default`. */
  readonly tenant?: string;
  /** HMAC-SHA-256 of the key with the pepper, hex; either this or the key itself. */
  readonly hash?: string;
  /** The key as it is shown, where the file is a secret of its own. */
  readonly key?: string;
  /** Default `all`. */
  readonly scopes?: readonly string[];
  /** Ids and aliases of models; default all. */
  readonly models?: readonly string[];
  readonly limits?: { readonly concurrency?: number; readonly maxTokens?: number };
  /** Instants as RFC 3339 has them; from `expires` on it is nobody's. */
  readonly expires?: string;
  readonly created?: string;
  readonly revoked?: string;
  /** Id of the key that it was made under, which allows no less and ends no sooner. */
  readonly parent?: string;
  readonly note?: string;
}

/** Whether a word may stand among a key's scopes. */
export type IsScope = (word: string) => boolean;

/** Longest file, bytes. */
export const mostFileBytes = 4 * 1024 * 1024;
/** Most keys of it. */
const mostKeys = 10_000;
/** Longest key that may be shown, characters. */
export const longestKey = 512;
/** Shortest one that somebody chose; ours have 52. */
const shortestKey = 8;

type Check = (value: unknown) => boolean;

const text =
  (longest: number): Check =>
  (value) =>
    typeof value === "string" && value !== "" && value.length <= longest;
const match =
  (pattern: RegExp): Check =>
  (value) =>
    typeof value === "string" && pattern.test(value);
const list =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.length > 0 && value.length <= 256 && value.every(check);
const instant: Check = (value) =>
  typeof value === "string" && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(value) && !Number.isNaN(Date.parse(value));
const count: Check = (value) => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 2_147_483_647;
const nothing: Check = () => false;

const limitChecks: Readonly<Record<string, Check>> = { concurrency: count, maxTokens: count };

/** Whether a text can be the name of a tenant. */
const isTenant: Check = match(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);

/** Whether a text can be shown as a key: visible ASCII, as headers carry it. */
const isKeyText: Check = (value) => match(/^[!-~]+$/)(value) && String(value).length >= shortestKey && String(value).length <= longestKey;

type Row = readonly [check: Check, expects: string];

function rowsOf(isScope: IsScope): Readonly<Record<keyof StoredKey, Row>> {
  return {
    id: [match(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/), "must be 1 to 64 letters, digits, ., _ or -"],
    tenant: [isTenant, "must be 1 to 64 letters, digits, ., _ or -"],
    hash: [match(/^[0-9a-f]{64}$/), "must be 64 lower-case hex digits"],
    key: [isKeyText, `must be ${shortestKey} to ${longestKey} visible ASCII characters`],
    scopes: [list((word) => typeof word === "string" && isScope(word)), "must list scopes that there are: see `parley keys create --help`"],
    models: [list((id) => typeof id === "string" && isModelId(id)), "must list ids or aliases of models"],
    limits: [isJsonObject, "must be an object with concurrency or maxTokens"],
    expires: [instant, "must be an instant such as 2027-01-31T00:00:00Z"],
    created: [instant, "must be an instant such as 2027-01-31T00:00:00Z"],
    revoked: [instant, "must be an instant such as 2027-01-31T00:00:00Z"],
    parent: [text(64), "must be the id of a key"],
    note: [text(256), "must be a text of at most 256 characters"],
  };
}

/** Understands the text of a file of keys. Throws `invalid_request` that names the file and the place at fault, never a value. */
export function readStoredKeys(file: string, content: string, isScope: IsScope): readonly StoredKey[] {
  const problem = (what: string) => fault("invalid_request", `${file}: ${what}`);
  const json = parsedJson(content);
  if (!isJsonObject(json)) throw problem('it is no JSON of the form {"keys": [...]}');
  const { keys, ...others } = json;
  const [other] = Object.keys(others);
  if (other !== undefined) throw problem(`${JSON.stringify(other.slice(0, 64))}: there is no such field`);
  if (!Array.isArray(keys) || keys.length > mostKeys) throw problem(`keys: must be a list of at most ${mostKeys}`);
  const rows = rowsOf(isScope);
  for (const [index, key] of keys.entries()) {
    const wrong = isJsonObject(key) ? wrongIn(key, rows) : " must be an object";
    if (wrong !== undefined) throw problem(`keys[${index}]${wrong}`);
  }
  const stored = keys as readonly StoredKey[];
  const ids = new Set<string>();
  for (const { id } of stored) {
    if (ids.has(id)) throw problem(`two keys have the id ${id}`);
    ids.add(id);
  }
  return stored;
}

function wrongIn(key: JsonObject, rows: Readonly<Record<string, Row>>): string | undefined {
  for (const [name, value] of Object.entries(key)) {
    const [check, expects] = (Object.hasOwn(rows, name) ? rows[name] : undefined) ?? [nothing, "there is no such field"];
    if (!check(value)) return `.${name.slice(0, 64)}: ${expects}`;
  }
  return wrongLimit(key["limits"]) ?? wrongTogether(key);
}

function wrongLimit(limits: unknown): string | undefined {
  for (const [name, value] of isJsonObject(limits) ? Object.entries(limits) : []) {
    if (!Object.hasOwn(limitChecks, name))
      return `.limits.${name.slice(0, 64)}: there is no such limit; there are concurrency and maxTokens`;
    if (limitChecks[name]?.(value) !== true) return `.limits.${name}: must be a whole number from 1 to 2147483647`;
  }
  return undefined;
}

function wrongTogether({ id, hash, key, scopes = [], models }: Partial<StoredKey>): string | undefined {
  if (id === undefined) return ".id: is required";
  if ((hash === undefined) === (key === undefined)) return ": needs either a hash or a key";
  return scopes.includes("admin") && models !== undefined ? ".models: the scope admin is over all models" : undefined;
}
