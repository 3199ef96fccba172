import { invalidField } from "../../core/reasons.ts";

/** More at once are refused: the longest lists that clients send have a dozen. */
const mostBetas = 32;

/** Names alone: they become part of a header, and may end neither it nor a name. */
const beta = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Checks names of betas. Throws `invalid_request` naming `field`. */
export function betaNames(names: readonly unknown[], field: string): string[] {
  if (names.length > mostBetas) throw invalidField(field, `names ${names.length} betas; at most ${mostBetas} are passed on`);
  return names.map((name) => {
    if (typeof name === "string" && beta.test(name)) return name;
    throw invalidField(field, "has a name that is none of a beta: letters, digits, dots, dashes and underscores, at most 64 of them");
  });
}

/** Reads the header `anthropic-beta`, each name once. Throws `invalid_request`. */
export function betasInHeader(header: string | readonly string[] | undefined): string[] {
  if (header === undefined) return [];
  const names = String(header)
    .split(",", 10 * mostBetas)
    .map((name) => name.trim());
  return betaNames([...new Set(names.filter((name) => name !== ""))], "anthropic-beta");
}
