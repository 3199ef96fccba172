import type { ConnectError } from "@connectrpc/connect";
import { metadataOf } from "../../core/error-facts.ts";
import { fieldOf, reasonOf, reasons } from "../../core/reasons.ts";
import type { AnthropicRequest } from "./request.ts";
import type { ErrorBody } from "./wire/errors.ts";
import { eventFrame } from "./writer.ts";

const overloaded = "overloaded_error";

/** Anthropic's own status for a service that is overloaded, which its clients have a class for. */
const overloadedStatus = 529;

/** HTTP status of a failure. */
export function statusToAnthropic(error: ConnectError): number {
  return typeOf(error) === overloaded ? overloadedStatus : reasons[reasonOf(error)].http;
}

/** What upstreams answer when they are overloaded. */
const overloads: ReadonlySet<string | undefined> = new Set(["503", String(overloadedStatus)]);

/** The kind of a failure. An upstream that is overloaded is told of as Anthropic itself would be: its clients know how to wait for that. */
function typeOf(error: ConnectError): string {
  const reason = reasonOf(error);
  const isOverload = reason === "provider_unavailable" && overloads.has(metadataOf(error)["upstream_status"]);
  return isOverload ? overloaded : reasons[reason].anthropicType;
}

/** What Anthropic calls a field, by its path in the contract. */
const names: Readonly<Record<string, string>> = {
  stop: "stop_sequences",
  "tool_choice.mode": "tool_choice.type",
  "tool_choice.tool_names": "tool_choice.name",
  parallel_tool_calls: "tool_choice.disable_parallel_tool_use",
  response_format: "output_config.format",
  reasoning: "thinking",
  "reasoning.budget_tokens": "thinking.budget_tokens",
  "reasoning.effort": "output_config.effort",
  end_user_id: "metadata.user_id",
  continue_final_message: "messages",
  "provider_options.anthropic.service_tier": "service_tier",
  "provider_options.anthropic.inference_geo": "inference_geo",
  "provider_options.anthropic.cache_control": "cache_control",
  "provider_options.anthropic.context_management": "context_management",
  "provider_options.anthropic.betas": "anthropic-beta",
  "provider_options.anthropic.thinking": "thinking",
  "provider_options.anthropic.output_config": "output_config.effort",
  "sampling.temperature": "temperature",
  "sampling.top_p": "top_p",
  "sampling.top_k": "top_k",
};

/** Names a field as the caller of the body did: its messages may be several of ours. Paths that are Anthropic's already stay as they are. */
function anthropicFieldOf(field: string, places: AnthropicRequest["places"] = []): string {
  for (let at = field; at !== ""; at = at.slice(0, Math.max(0, at.lastIndexOf("."))))
    if (Object.hasOwn(names, at)) return names[at] ?? field;
  return placeOf(field, places) ?? field.replace(/^stop\[/, "stop_sequences[").replace(toolParts, toolPart);
}

const toolParts = /^(tools\[\d+\])\.function(\.parameters)?/;

function toolPart(_: string, tool: string, parameters: string | undefined): string {
  return parameters === undefined ? tool : `${tool}.input_schema`;
}

/** A path of the body's own says `content` below a message, and not `parts`. */
function placeOf(field: string, places: readonly string[]): string | undefined {
  const [, index, rest = ""] = /^messages\[(\d+)\](?:\.(\w+))?/.exec(field) ?? [];
  const place = places[Number(index)];
  if (place === undefined || (rest !== "" && rest !== "parts")) return undefined;
  return place === "system" ? place : `${place}.content`;
}

/** What a client that keeps its conversations at the server must be told to send them whole. */
const noThreads = { error_code: "thread_unsupported_request", unsupported: null } as const;

/** The error object for a fault; its message names the field as the caller did. */
export function errorToAnthropic(
  error: ConnectError,
  { requestId, places }: { readonly requestId: string; readonly places?: readonly string[] },
): ErrorBody {
  const field = fieldOf(error);
  const begins = field !== undefined && error.rawMessage.startsWith(`${field}: `);
  const message = begins ? anthropicFieldOf(field, places) + error.rawMessage.slice(field.length) : error.rawMessage;
  return {
    type: "error",
    error: { type: typeOf(error), message: message.toWellFormed(), ...(field === "thread" && { details: noThreads }) },
    request_id: requestId,
  };
}

/** An error in a stream that has begun: the last frame, without an end of the message. */
export function errorFrame(error: ErrorBody): string {
  return eventFrame(error);
}
