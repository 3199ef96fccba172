import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { isJsonObject } from "../../../core/json.ts";
import { invalidField, unsupportedField } from "../../../core/reasons.ts";
import type { OpenAIKind } from "./quirk-rows.ts";
import type { Quirks } from "./quirks.ts";

/** Options that each kind is known to have and that the contract has no field for. None of them names another model, nor a place to fetch anything from. */
const known: Readonly<Record<OpenAIKind, readonly string[]>> = {
  openai: ["service_tier", "store", "metadata", "prediction", "verbosity", "prompt_cache_retention", "prompt_cache_options"],
  huggingface: [],
  vllm: [
    "stop_token_ids",
    "include_stop_str_in_output",
    "skip_special_tokens",
    "spaces_between_special_tokens",
    "truncate_prompt_tokens",
    "bad_words",
    "allowed_token_ids",
    "add_special_tokens",
    "structured_outputs",
    "documents",
    "mm_processor_kwargs",
    "priority",
    "session_id",
    "cache_salt",
    "vllm_xargs",
  ],
  lan: [],
  deepseek: ["user_id"],
  openrouter: ["provider", "transforms", "top_a", "verbosity", "service_tier", "session_id"],
  lmstudio: ["ttl"],
  "llama-server": [
    "samplers",
    "mirostat",
    "mirostat_tau",
    "mirostat_eta",
    "typical_p",
    "top_n_sigma",
    "dynatemp_range",
    "dynatemp_exponent",
    "min_keep",
    "cache_prompt",
    "reasoning_format",
    "lora",
  ],
};

/** What decides who answers, and how the answer is read: never an option, whatever the upstream calls it. */
const ours: ReadonlySet<string> = new Set([
  "model",
  "models",
  "route",
  "preset",
  "messages",
  "prompt",
  "input",
  "encoding_format",
  "stream",
  "stream_options",
  "n",
  "__proto__",
]);

/** Whose options are sent. */
export interface OptionScope {
  readonly kind: OpenAIKind;
  /** The upstream's own name; undefined: only its kind's options are. */
  readonly name: string | undefined;
  readonly quirks: Quirks;
}

/**
 * Adds the options that stand under the upstream's kind, and those under its own name, which go before. Throws `unsupported_field` for one that it is not known to
 * have, and `invalid_request` for one that a field of the request says already.
 */
export function addOptions(body: Record<string, unknown>, options: JsonObject | undefined, scope: OptionScope): void {
  if (options === undefined) return;
  for (const [name, { value, field }] of givenOptions(options, scope)) {
    const mine = Object.hasOwn(body, name) ? body[name] : undefined;
    // Two objects are one, in which the caller's own words go before.
    if (isJsonObject(mine) && isJsonObject(value)) body[name] = { ...mine, ...value };
    else if (mine === undefined) body[name] = value;
    else throw invalidField(field, "is said by the request's own fields");
  }
}

interface GivenOption {
  readonly value: JsonValue;
  /** Where it stands in the request. */
  readonly field: string;
}

function givenOptions(options: JsonObject, scope: OptionScope): ReadonlyMap<string, GivenOption> {
  const given = new Map<string, GivenOption>();
  for (const key of new Set([scope.kind, scope.name ?? scope.kind])) {
    const here = Object.hasOwn(options, key) ? (options[key] ?? {}) : {};
    if (!isJsonObject(here)) throw invalidField(`provider_options.${key}`, "must be an object");
    for (const [name, value] of Object.entries(here)) {
      const field = `provider_options.${key}.${name}`;
      refuseOption(name, field, scope);
      // Clients send null for what they do not say.
      if (value !== null) given.set(name, { value, field });
    }
  }
  return given;
}

function refuseOption(name: string, field: string, { kind, quirks }: OptionScope): void {
  if (ours.has(name)) throw invalidField(field, "is said by the request's own fields");
  const names = known[kind];
  if (quirks.options === "any" || names.includes(name)) return;
  throw unsupportedField(field, `no such option is passed on; ${names.length === 0 ? "there are none" : `known are ${names.join(", ")}`}`);
}
