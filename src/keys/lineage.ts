import type { StoredKey } from "./stored-key.ts";

/** In what a key goes beyond the one it was made under; undefined: in nothing. */
export function excessOf(child: StoredKey, parent: StoredKey): string | undefined {
  if ((child.tenant ?? "default") !== (parent.tenant ?? "default")) return "tenant";
  const granted = parent.scopes ?? ["all"];
  if (!(child.scopes ?? ["all"]).every((scope) => grants(granted, scope))) return "scopes";
  const { models } = parent;
  if (models !== undefined && !(child.models?.every((model) => models.includes(model)) ?? false)) return "models";
  for (const name of ["concurrency", "maxTokens"] as const) {
    const most = parent.limits?.[name];
    if (most !== undefined && (child.limits?.[name] ?? Infinity) > most) return `limits.${name}`;
  }
  const end = parent.expires === undefined ? Infinity : Date.parse(parent.expires);
  return (child.expires === undefined ? Infinity : Date.parse(child.expires)) > end ? "expires" : undefined;
}

function grants(granted: readonly string[], scope: string): boolean {
  if (granted.includes("admin") || granted.includes(scope)) return true;
  if (granted.includes("all")) return scope !== "admin";
  const slash = scope.indexOf("/");
  return slash > 0 && granted.includes(scope.slice(0, slash));
}
