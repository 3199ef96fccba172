import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { isJsonObject } from "../../../core/json.ts";
import { invalidField, unsupportedField } from "../../../core/reasons.ts";
import type { CacheControl, MessagesBody } from "./wire.ts";

/** Under which key of provider_options ours stand. */
const key = "anthropic";

/** The options meant for Anthropic, if any. Throws `invalid_request`. */
function ours(options: JsonObject | undefined, at: string): JsonObject | undefined {
  const value = options?.[key];
  if (value === undefined || value === null) return undefined;
  if (!isJsonObject(value)) throw invalidField(`${at}.${key}`, "must be an object");
  return value;
}

/** `cache_control` of a part or tool; undefined: none. Throws `unsupported_field` for any other option. */
export function cacheControlOf(options: JsonObject | undefined, at: string): CacheControl | undefined {
  if (options === undefined) return undefined;
  const given = ours(options, at);
  if (given === undefined) return undefined;
  refuseOthers(given, ["cache_control"], at);
  const control = given["cache_control"] ?? null;
  return control === null ? undefined : cacheControl(control, `${at}.${key}.cache_control`);
}

/** Refuses options for Anthropic where it has none. */
export function refuseOptions(options: JsonObject | undefined, at: string): void {
  if (options === undefined) return;
  refuseOthers(ours(options, at) ?? {}, [], at);
}

/** Options of a whole request. Throws `unsupported_field` for unknown ones. */
export function requestOptions(options: JsonObject | undefined): Partial<MessagesBody> {
  const at = "provider_options";
  const given = ours(options, at);
  if (given === undefined) return {};
  refuseOthers(given, ["service_tier", "inference_geo", "cache_control"], at);
  const { cache_control: control = null, service_tier: tier = null, inference_geo: geo = null } = given;
  return {
    ...(control !== null && { cache_control: cacheControl(control, `${at}.${key}.cache_control`) }),
    ...(tier !== null && { service_tier: serviceTier(tier, `${at}.${key}.service_tier`) }),
    ...(geo !== null && { inference_geo: region(geo, `${at}.${key}.inference_geo`) }),
  };
}

function serviceTier(value: JsonValue, at: string): "auto" | "standard_only" {
  if (value === "auto" || value === "standard_only") return value;
  throw invalidField(at, "is none of auto, standard_only");
}

function region(value: JsonValue, at: string): string {
  if (typeof value === "string") return value;
  throw invalidField(at, "must be a string");
}

function refuseOthers(given: JsonObject, known: readonly string[], at: string): void {
  const stranger = Object.keys(given).find((name) => !known.includes(name));
  if (stranger === undefined) return;
  const listed = known.length === 0 ? "there are none here" : `known are ${known.join(", ")}`;
  throw unsupportedField(`${at}.${key}.${stranger}`, `no such option is passed on to Anthropic; ${listed}`);
}

function cacheControl(value: JsonValue, at: string): CacheControl {
  if (!isJsonObject(value) || value["type"] !== "ephemeral") throw invalidField(at, `must be {"type": "ephemeral"}`);
  const ttl = value["ttl"] ?? undefined;
  if (ttl === undefined) return { type: "ephemeral" };
  if (ttl !== "5m" && ttl !== "1h") throw invalidField(`${at}.ttl`, "is none of 5m, 1h");
  return { type: "ephemeral", ttl };
}
