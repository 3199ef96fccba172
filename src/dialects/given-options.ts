import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { isJsonObject } from "../core/json.ts";
import { invalidField, unsupportedField } from "../core/reasons.ts";

/** Keys of provider_options that an upstream heeds: its kind's and its own name's, of which the latter goes before. */
export type OptionKeys = readonly string[];

/** The keys of an upstream. */
export function optionKeys(kind: string, name = kind): OptionKeys {
  return name === kind ? [kind] : [kind, name];
}

/** An option as it was given. */
export interface GivenOption {
  readonly value: JsonValue;
  /** Where it stands in the request. */
  readonly field: string;
}

/** The options that are meant for an upstream; null is absent. Throws `unsupported_field` for one that is not among the known, and `invalid_request` for what is no object. */
export function givenOptions(
  options: JsonObject | undefined,
  { keys, known, at }: { readonly keys: OptionKeys; readonly known: readonly string[]; readonly at: string },
): ReadonlyMap<string, GivenOption> {
  if (options === undefined) return none;
  const given = new Map<string, GivenOption>();
  for (const key of keys) {
    const here = Object.hasOwn(options, key) ? (options[key] ?? {}) : {};
    if (!isJsonObject(here)) throw invalidField(`${at}.${key}`, "must be an object");
    for (const [name, value] of Object.entries(here)) {
      const field = `${at}.${key}.${name}`;
      const listed = known.length === 0 ? "there are none here" : `known are ${known.join(", ")}`;
      if (!known.includes(name)) throw unsupportedField(field, `no such option is passed on; ${listed}`);
      if (value !== null) given.set(name, { value, field });
    }
  }
  return given;
}

const none: ReadonlyMap<string, GivenOption> = new Map();
