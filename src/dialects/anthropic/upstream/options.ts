import type { JsonObject } from "@bufbuild/protobuf";
import { isJsonObject } from "../../../core/json.ts";
import { invalidField } from "../../../core/reasons.ts";
import { betaNames } from "../betas.ts";
import { effortAt, wishAt, type OwnThinking } from "../thinking.ts";
import { defined, listAt, objectAt } from "../../openai/read.ts";
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

/** Options of a whole request. */
export interface RequestOptions {
  /** Fields that are passed on as they are. */
  readonly fields: Partial<MessagesBody>;
  /** How the model is to think, where the contract's words for it are not enough: then these hold, and those are other upstreams'. */
  readonly own: OwnThinking;
  /** Betas of the API that are asked for. */
  readonly betas: readonly string[];
}

const none: RequestOptions = { fields: {}, own: { thinking: undefined, effort: undefined }, betas: [] };
const known = ["service_tier", "inference_geo", "cache_control", "context_management", "betas", "thinking", "output_config"];

/** Reads the options of a whole request. Throws `unsupported_field` for unknown ones. */
export function requestOptions(options: JsonObject | undefined, keys: OptionKeys): RequestOptions {
  if (options === undefined) return none;
  const given = givenOptions(options, { keys, known, at: "provider_options" });
  const as = <Value>(name: string, reader: (option: GivenOption) => Value): Value | undefined => {
    const option = given.get(name);
    return option === undefined ? undefined : reader(option);
  };
  return {
    fields: defined({
      cache_control: as("cache_control", cacheControl),
      service_tier: as("service_tier", serviceTier),
      inference_geo: as("inference_geo", region),
      context_management: as("context_management", ({ value, field }) => objectAt(value, field)),
    }),
    own: {
      thinking: as("thinking", ({ value, field }) => wishAt(value, field)),
      effort: as("output_config", ({ value, field }) => effortAt(value, field)),
    },
    betas: as("betas", ({ value, field }) => betaNames(listAt(value, field), field)) ?? [],
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
