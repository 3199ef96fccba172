import type { StoredKey } from "./stored-key.ts";

/** In what a key goes beyond the one it was made under; undefined: in nothing. */
export function excessOf(child: StoredKey, parent: StoredKey): string | undefined {
  return Object.entries(rules).find(([, holds]) => !holds(child, parent))?.[0];
}

/** The first of a key and those that it was made under which was taken back; undefined: none was. */
export function revokedIn(key: StoredKey, keys: readonly StoredKey[]): StoredKey | undefined {
  const seen = new Set<StoredKey>();
  for (let each: StoredKey | undefined = key; each !== undefined && !seen.has(each);) {
    if (each.revoked !== undefined) return each;
    seen.add(each);
    const { parent }: StoredKey = each;
    each = parent === undefined ? undefined : keys.find(({ id }) => id === parent);
  }
  return undefined;
}

type Rule = (child: StoredKey, parent: StoredKey) => boolean;

const rules: Readonly<Record<string, Rule>> = {
  tenant: ({ tenant = "default" }, parent) => tenant === (parent.tenant ?? "default"),
  scopes: ({ scopes = ["all"] }, parent) => scopes.every((scope) => grants(parent.scopes ?? ["all"], scope)),
  models: ({ models }, parent) => parent.models === undefined || (models?.every((model) => parent.models?.includes(model)) ?? false),
  "limits.concurrency": ({ limits }, parent) => isWithin(limits?.concurrency, parent.limits?.concurrency),
  "limits.maxTokens": ({ limits }, parent) => isWithin(limits?.maxTokens, parent.limits?.maxTokens),
  expires: ({ expires }, parent) => isWithin(instantOf(expires), instantOf(parent.expires)),
};

/** Nothing said is no limit. */
function isWithin(value = Infinity, most = Infinity): boolean {
  return value <= most;
}

function instantOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Date.parse(text);
}

function grants(granted: readonly string[], scope: string): boolean {
  if (granted.includes("admin") || granted.includes(scope)) return true;
  if (granted.includes("all")) return scope !== "admin";
  const slash = scope.indexOf("/");
  return slash > 0 && granted.includes(scope.slice(0, slash));
}
