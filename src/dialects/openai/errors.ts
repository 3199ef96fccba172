import type { ConnectError } from "@connectrpc/connect";
import { fieldOf, reasonOf, reasons, retryAfterMsOf } from "../../core/reasons.ts";

/** OpenAI's error object; all four keys are always there, and the code is a string, since clients reject others. */
export interface OpenAIError {
  readonly error: { readonly message: string; readonly type: string; readonly param: string | null; readonly code: string };
}

/** What OpenAI calls a field of ours. The body tells which of two names the caller used. */
export type ParamOf = (field: string) => string;

const names: Readonly<Record<string, string>> = {
  choices: "n",
  response_format: "response_format",
  "reasoning.effort": "reasoning_effort",
  "reasoning.budget_tokens": "thinking_token_budget",
  end_user_id: "user",
  chat_template_options: "chat_template_kwargs",
  idempotency_key: "idempotency-key",
  "sampling.dry.base": "dry_base",
  "sampling.dry.multiplier": "dry_multiplier",
  "sampling.dry.allowed_length": "dry_allowed_length",
  "sampling.dry.last_n": "dry_penalty_last_n",
  "sampling.dry.sequence_breakers": "dry_sequence_breakers",
  "sampling.xtc.probability": "xtc_probability",
  "sampling.xtc.threshold": "xtc_threshold",
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

/** Two names for one field: the one that the body has is meant. */
const aliases: Readonly<Record<string, readonly string[]>> = {
  max_tokens: ["max_completion_tokens", "max_tokens"],
  repeat_penalty: ["repetition_penalty", "repeat_penalty"],
  user: ["safety_identifier", "user"],
  thinking_token_budget: ["thinking_token_budget"],
  response_format: ["response_format", "grammar", "json_schema", "guided_json"],
};

/** Names fields as the caller of this body did. */
export function paramOf(body: unknown): ParamOf {
  return (field) => {
    const name = openAIName(field);
    const known = Object.hasOwn(aliases, name) ? aliases[name] : undefined;
    if (known === undefined || typeof body !== "object" || body === null) return name;
    return known.find((alias) => Object.hasOwn(body, alias)) ?? name;
  };
}

/** OpenAI's name of a path in the contract's names; paths that are OpenAI's already stay as they are. */
function openAIName(field: string): string {
  for (let at = field; at !== ""; at = at.slice(0, Math.max(0, at.lastIndexOf(".")))) {
    if (Object.hasOwn(names, at)) return names[at] ?? field;
  }
  const part = /^(messages\[\d+\])\.parts(?:\[\d+\])?(?:\.([a-z_]+))?/.exec(field);
  if (part !== null) return `${part[1]}.${partNames[part[2] ?? "text"] ?? "content"}`;
  return field.startsWith("sampling.") ? field.slice("sampling.".length) : field;
}

/** The error object for a fault. */
export function errorToOpenAI(error: ConnectError, param: ParamOf = paramOf(undefined)): OpenAIError {
  const { openaiType: type, openaiCode: code } = reasons[reasonOf(error)];
  const field = fieldOf(error);
  return { error: { message: error.rawMessage, type, param: field === undefined ? null : param(field), code } };
}

/** Shortest delay that is ever told, ms: on less, one SDK hammers. */
const minRetryMs = 100;

/** Headers that tell SDKs whether and when to try again, in both forms of the delay. */
export function retryHeaders(error: ConnectError): Record<string, string> {
  const { shouldRetry } = reasons[reasonOf(error)];
  const afterMs = retryAfterMsOf(error);
  return {
    ...(shouldRetry !== undefined && { "x-should-retry": String(shouldRetry) }),
    ...(afterMs !== undefined && {
      "retry-after": String(Math.max(1, Math.ceil(afterMs / 1000))),
      "retry-after-ms": String(Math.max(minRetryMs, Math.ceil(afterMs))),
    }),
  };
}
