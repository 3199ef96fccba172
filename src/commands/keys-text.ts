import { fault } from "../core/reasons.ts";
import { revokedIn } from "../keys/lineage.ts";
import type { StoredKey } from "../keys/stored-key.ts";

const unitMs: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** The instant at which a key ends, from one, or from a time from now. Throws `invalid_request`. */
export function expiryFrom(text: string, nowMs: number): string {
  const [, count, unit = ""] = /^(\d{1,5})([mhd])$/.exec(text) ?? [];
  const ms = count === undefined ? Date.parse(text) : nowMs + Number(count) * (unitMs[unit] ?? 0);
  if (Number.isNaN(ms) || ms <= nowMs)
    throw fault(
      "invalid_request",
      `--expires: ${JSON.stringify(text)} is no instant to come, such as 2027-01-31T00:00:00Z, and no time such as 12h or 30d`,
    );
  return new Date(ms).toISOString();
}

/** What may be told of a key. */
export function withoutSecrets({ hash: _hash, key: _key, ...rest }: StoredKey): Omit<StoredKey, "hash" | "key"> {
  return rest;
}

/** A new key in a sentence. */
export function keyText(key: StoredKey): string {
  const { id, tenant = "default", expires } = key;
  return `${id}: tenant ${tenant}, scopes ${scopesOf(key)}, ${modelsOf(key)}, ${expires === undefined ? "never expires" : `expires ${expires}`}`;
}

/** Keys as a table. */
export function keyTableText(keys: readonly StoredKey[], nowMs: number): string {
  const head = ["ID", "TENANT", "STATE", "SCOPES", "MODELS", "LIMITS", "EXPIRES", "NOTE"];
  const rows = keys.map((key) => [
    key.id,
    key.tenant ?? "default",
    stateOf(key, keys, nowMs),
    scopesOf(key),
    key.models?.join(",") ?? "all",
    Object.entries(key.limits ?? {})
      .map(([name, value]) => `${name}=${value}`)
      .join(",") || "-",
    key.expires ?? "never",
    key.note ?? "",
  ]);
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)));
  return [head, ...rows]
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function scopesOf({ scopes = ["all"] }: StoredKey): string {
  return scopes.join(",");
}

function modelsOf({ models }: StoredKey): string {
  return models === undefined ? "every model" : `models ${models.join(",")}`;
}

function stateOf(key: StoredKey, keys: readonly StoredKey[], nowMs: number): string {
  if (revokedIn(key, keys) !== undefined) return "revoked";
  const { expires } = key;
  return expires !== undefined && Date.parse(expires) <= nowMs ? "expired" : "good";
}
