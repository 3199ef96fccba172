import { invalidField } from "../core/reasons.ts";

/** What single upstreams do differently from their kind, by name. */
export type Quirks = Readonly<Record<string, string>>;

/** Refuses names that nobody knows: a misspelt quirk would be ignored. Throws `invalid_request`. */
export function checkQuirks(quirks: Quirks, known: readonly string[]): void {
  for (const name of Object.keys(quirks))
    if (!known.includes(name)) throw invalidField(`quirks.${name}`, `there is no such quirk; known are ${known.join(", ")}`);
}

/** One of a quirk's values; the first is the kind's own. Throws `invalid_request`. */
export function quirkOf<Value extends string>(quirks: Quirks, name: string, values: readonly [Value, ...Value[]]): Value {
  const given = quirks[name];
  if (given === undefined) return values[0];
  const value = values.find((each) => each === given);
  if (value === undefined) throw invalidField(`quirks.${name}`, `${JSON.stringify(given)} is none of ${values.join(", ")}`);
  return value;
}

/** A quirk that is a whole number from 1; undefined: not said. Throws `invalid_request`. */
export function countQuirk(quirks: Quirks, name: string): number | undefined {
  const given = quirks[name];
  if (given === undefined) return undefined;
  if (/^[1-9]\d{0,8}$/.test(given)) return Number(given);
  throw invalidField(`quirks.${name}`, `${JSON.stringify(given)} is not a whole number from 1`);
}
