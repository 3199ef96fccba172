import { FinishReason, type ChatResponse, type ChoiceFinished } from "../../../gen/parley/v1/chat_pb.ts";
import type { Part, ToolCall } from "../../../gen/parley/v1/messages_pb.ts";
import type { Usage } from "../../../gen/parley/v1/usage_pb.ts";
import { isJsonObject } from "../../core/json.ts";
import { fault } from "../../core/reasons.ts";
import { exactJson } from "../exact-json.ts";

/** The API's words for why an answer ended: kept as they are where an upstream has said one of them. */
const ownReasons: ReadonlySet<string> = new Set([
  "end_turn",
  "max_tokens",
  "stop_sequence",
  "tool_use",
  "pause_turn",
  "refusal",
  "model_context_window_exceeded",
]);

/** How an answer ended, and what it had in it until then. */
export interface Ending extends Pick<ChoiceFinished, "reason" | "rawReason" | "stopSequence"> {
  readonly hasCalls: boolean;
  /** Words of a refusal; empty: there are none. */
  readonly refusal: string;
}

/** `stop_reason` with what belongs to it. */
export function stopToAnthropic(ending: Ending): { stop_reason: string; stop_sequence: string | null; stop_details: object | null } {
  const { stopSequence = null, refusal } = ending;
  return {
    stop_reason: reasonToAnthropic(ending),
    stop_sequence: stopSequence,
    stop_details: refusal === "" ? null : { type: "refusal", category: null, explanation: refusal },
  };
}

function reasonToAnthropic({ reason, rawReason, stopSequence, hasCalls, refusal }: Ending): string {
  if (refusal !== "") return "refusal";
  if (ownReasons.has(rawReason)) return rawReason;
  switch (reason) {
    case FinishReason.LENGTH:
      return "max_tokens";
    case FinishReason.CONTENT_FILTER:
      return "refusal";
    case FinishReason.TOOL_CALLS:
      return "tool_use";
    default:
      if (hasCalls) return "tool_use";
      return stopSequence === undefined ? "end_turn" : "stop_sequence";
  }
}

/** `usage`: here the tokens of the prompt that a cache had a part in stand apart from the others. */
export function usageToAnthropic({ promptTokens, completionTokens, cachedTokens, cacheWriteTokens, reasoningTokens }: Usage): object {
  return {
    input_tokens: Math.max(0, promptTokens - (cachedTokens ?? 0) - (cacheWriteTokens ?? 0)),
    cache_creation_input_tokens: cacheWriteTokens ?? null,
    cache_read_input_tokens: cachedTokens ?? null,
    output_tokens: completionTokens,
    ...(reasoningTokens !== undefined && { output_tokens_details: { thinking_tokens: reasoningTokens } }),
  };
}

/** The API's ids begin with `msg_`. */
export function messageId(id: string): string {
  return `msg_${id.replace(/^[a-z]+-/, "")}`;
}

/** A whole answer as a message. Throws `provider_malformed` where the arguments of a call are no JSON object: this format has no place for them. */
export function messageToAnthropic({ id, model, choices, usage }: ChatResponse): object {
  const [choice] = choices;
  const parts = choice?.message?.parts ?? [];
  const ending: Ending = {
    reason: choice?.reason ?? FinishReason.OTHER,
    rawReason: choice?.rawReason ?? "",
    stopSequence: choice?.stopSequence,
    hasCalls: parts.some(({ part }) => part.case === "toolCall"),
    refusal: parts.map(({ part }) => (part.case === "refusal" ? part.value.text : "")).join(""),
  };
  return {
    id: messageId(id),
    type: "message",
    role: "assistant",
    model,
    content: parts.flatMap(blocksOf),
    ...stopToAnthropic(ending),
    container: null,
    usage: usage === undefined ? { input_tokens: 0, output_tokens: 0 } : usageToAnthropic(usage),
  };
}

function blocksOf({ part }: Part): object[] {
  switch (part.case) {
    case "text":
      return [{ type: "text", text: part.value.text, citations: null }];
    case "toolCall":
      return [{ type: "tool_use", id: part.value.id, name: part.value.name, input: inputOf(part.value) }];
    case "reasoning": {
      const { text, signature, redactedData } = part.value;
      if (redactedData.length > 0) return [{ type: "redacted_thinking", data: new TextDecoder().decode(redactedData) }];
      return [{ type: "thinking", thinking: text, signature }];
    }
    default:
      return [];
  }
}

function inputOf({ name, arguments: text }: ToolCall): object {
  let input: unknown;
  try {
    input = text.trim() === "" ? {} : exactJson(text);
  } catch {
    input = undefined;
  }
  if (isJsonObject(input)) return input;
  throw fault(
    "provider_malformed",
    `the model called ${JSON.stringify(name.slice(0, 64))} with arguments that are no JSON object: ask again`,
  );
}
