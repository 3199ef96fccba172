import type { JsonObject } from "@bufbuild/protobuf";
import { isJsonObject } from "../../../core/json.ts";
import { invalidField } from "../../../core/reasons.ts";
import { givenOptions, type GivenOption, type OptionKeys } from "../../given-options.ts";
import type { CacheControl, MessagesBody } from "./wire.ts";

/** Where options stand, and which of them are heeded. */
export interface OptionPlace {
  readonly at: string;
  readonly keys: OptionKeys;
}

/** `cache_control` of a part or tool; undefined: none. Throws `unsupported_field` for any other option. */
export function cacheControlOf(options: JsonObject | undefined, { at, keys }: OptionPlace): CacheControl | undefined {
  if (options === undefined) return undefined;
  const control = givenOptions(options, { keys, known: ["cache_control"], at: `${at}.provider_options` }).get("cache_control");
  return control === undefined ? undefined : cacheControl(control);
}

/** Refuses options where Anthropic has none. */
export function refuseOptions(options: JsonObject | undefined, { at, keys }: OptionPlace): void {
  if (options !== undefined) givenOptions(options, { keys, known: [], at: `${at}.provider_options` });
}

/** Options of a whole request. Throws `unsupported_field` for unknown ones. */
export function requestOptions(options: JsonObject | undefined, keys: OptionKeys): Partial<MessagesBody> {
  if (options === undefined) return {};
  const given = givenOptions(options, { keys, known: ["service_tier", "inference_geo", "cache_control"], at: "provider_options" });
  const [control, tier, geo] = [given.get("cache_control"), given.get("service_tier"), given.get("inference_geo")];
  return {
    ...(control !== undefined && { cache_control: cacheControl(control) }),
    ...(tier !== undefined && { service_tier: serviceTier(tier) }),
    ...(geo !== undefined && { inference_geo: region(geo) }),
  };
}

function serviceTier({ value, field }: GivenOption): "auto" | "standard_only" {
  if (value === "auto" || value === "standard_only") return value;
  throw invalidField(field, "is none of auto, standard_only");
}

function region({ value, field }: GivenOption): string {
  if (typeof value === "string") return value;
  throw invalidField(field, "must be a string");
}

function cacheControl({ value, field }: GivenOption): CacheControl {
  if (!isJsonObject(value) || value["type"] !== "ephemeral") throw invalidField(field, `must be {"type": "ephemeral"}`);
  const ttl = value["ttl"] ?? undefined;
  if (ttl === undefined) return { type: "ephemeral" };
  if (ttl !== "5m" && ttl !== "1h") throw invalidField(`${field}.ttl`, "is none of 5m, 1h");
  return { type: "ephemeral", ttl };
}
