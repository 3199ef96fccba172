import type { ConnectError } from "@connectrpc/connect";
import { metadataOf } from "../../core/error-facts.ts";
import { fieldOf, reasonOf, reasons, retryAfterMsOf } from "../../core/reasons.ts";
import { present, type Json } from "./read.ts";
import type { ErrorBody } from "./wire/errors.ts";

/** What OpenAI calls a field of ours. The body tells which of two names the caller used. */
export type ParamOf = (field: string) => string;

/** What callers may have called a field, by its path in the contract: the first name that the body has is meant, and the first of all where it has none. */
const names: Readonly<Record<string, readonly [string, ...string[]]>> = {
  choices: ["n"],
  max_tokens: ["max_tokens", "max_completion_tokens", "n_predict"],
  top_logprobs: ["top_logprobs", "logprobs"],
  "tool_choice.mode": ["tool_choice"],
  "tool_choice.tool_names": ["tool_choice"],
  response_format: ["response_format", "grammar", "json_schema", "guided_json"],
  reasoning: ["reasoning_effort", "thinking_token_budget"],
  "reasoning.effort": ["reasoning_effort"],
  "reasoning.budget_tokens": ["thinking_token_budget"],
  end_user_id: ["safety_identifier", "user"],
  chat_template_options: ["chat_template_kwargs"],
  idempotency_key: ["idempotency-key"],
  "sampling.repeat_penalty": ["repeat_penalty", "repetition_penalty"],
  "sampling.dry": ["dry_multiplier", "dry_base", "dry_allowed_length", "dry_penalty_last_n", "dry_sequence_breakers"],
  "sampling.dry.base": ["dry_base"],
  "sampling.dry.multiplier": ["dry_multiplier"],
  "sampling.dry.allowed_length": ["dry_allowed_length"],
  "sampling.dry.last_n": ["dry_penalty_last_n"],
  "sampling.dry.sequence_breakers": ["dry_sequence_breakers"],
  "sampling.xtc": ["xtc_probability", "xtc_threshold"],
  "sampling.xtc.probability": ["xtc_probability"],
  "sampling.xtc.threshold": ["xtc_threshold"],
  provider_options: ["service_tier", "store", "prediction", "verbosity", "prompt_cache_retention", "prompt_cache_options"],
};

const partNames: Readonly<Record<string, string>> = {
  text: "content",
  tool_call: "tool_calls",
  tool_result: "content",
  image: "content",
  audio: "content",
  file: "content",
  reasoning: "reasoning_content",
  refusal: "refusal",
};

/** Names fields as the caller of this body did; paths that are OpenAI's already stay as they are. */
export function paramOf(body: unknown): ParamOf {
  const has = (name: string) => typeof body === "object" && body !== null && present(body as Json, name) !== undefined;
  return (field) => {
    for (let at = field; at !== ""; at = at.slice(0, Math.max(0, at.lastIndexOf(".")))) {
      const known = Object.hasOwn(names, at) ? names[at] : undefined;
      if (known === undefined) continue;
      const name = known.find(has) ?? known[0];
      return name === at ? field : name;
    }
    const part = /^(messages\[\d+\])\.parts(?:\[\d+\])?(?:\.([a-z_]+))?/.exec(field);
    if (part !== null) return `${part[1]}.${partNames[part[2] ?? "text"] ?? "content"}`;
    return field.startsWith("sampling.") ? field.slice("sampling.".length) : field;
  };
}

/** The error object for a fault: param and message name the field as the caller did. */
export function errorToOpenAI(error: ConnectError, param: ParamOf = paramOf(undefined)): ErrorBody {
  const { openaiType: type, openaiCode } = reasons[reasonOf(error)];
  const code = isQuota(error) ? "insufficient_quota" : openaiCode;
  const field = fieldOf(error);
  if (field === undefined) return { error: { message: error.rawMessage.toWellFormed(), type, param: null, code } };
  const name = param(field);
  // Messages about a field begin with it.
  const begins = error.rawMessage.startsWith(`${field}: `);
  const message = begins ? name + error.rawMessage.slice(field.length) : error.rawMessage;
  return { error: { message: message.toWellFormed(), type, param: name.toWellFormed(), code } };
}

/** Whether it is no rate that was met but a quota that is used up: the one thing behind a 429 that waiting does not help. */
function isQuota(error: ConnectError): boolean {
  return metadataOf(error)["quota"] !== undefined;
}

/** Shortest delay that is ever told, ms: on less, one SDK hammers. */
const minRetryMs = 100;

/** Most that a delay in ms is told longer than it is: SDKs wait as long as they are told, and those who were refused together are not to come back together. */
const jitter = 0.1;

/** Headers that tell SDKs whether and when to try again, in both forms of the delay; SDKs read the one in ms first. `random`: 0 up to 1. */
export function retryHeaders(error: ConnectError, random: () => number = Math.random): Record<string, string> {
  const shouldRetry = isQuota(error) ? false : reasons[reasonOf(error)].shouldRetry;
  const afterMs = retryAfterMsOf(error);
  const toldMs = afterMs === undefined ? undefined : Math.ceil(Math.max(minRetryMs, afterMs) * (1 + jitter * random()));
  return {
    ...(shouldRetry !== undefined && { "x-should-retry": String(shouldRetry) }),
    // Never less in seconds than in ms: who reads the one is not to come back earlier than who reads the other.
    ...(toldMs !== undefined && { "retry-after": String(Math.ceil(toldMs / 1000)), "retry-after-ms": String(toldMs) }),
  };
}
