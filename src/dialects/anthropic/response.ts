import { FinishReason, type ChatResponse, type Choice, type ChoiceFinished } from "../../../gen/parley/v1/chat_pb.ts";
import type { Part, ToolCall } from "../../../gen/parley/v1/messages_pb.ts";
import type { Usage } from "../../../gen/parley/v1/usage_pb.ts";
import { isJsonObject, type JsonObject } from "../../core/json.ts";
import { fault } from "../../core/reasons.ts";
import { exactJson } from "../exact-json.ts";
import type { ContentBlock, Message, Stop } from "./wire/message.ts";
import type { DeltaUsage, TokenCount, Usage as WireUsage } from "./wire/usage.ts";

type StopReason = Stop["stop_reason"];

/** The API's words for why an answer ended: kept as they are where an upstream has said one of them. */
const ownReasons: Readonly<Record<StopReason, true>> = {
  end_turn: true,
  max_tokens: true,
  stop_sequence: true,
  tool_use: true,
  pause_turn: true,
  refusal: true,
  model_context_window_exceeded: true,
};

/** How an answer ended, and what it had in it until then. */
export interface Ending extends Pick<ChoiceFinished, "reason" | "rawReason" | "stopSequence"> {
  readonly hasCalls: boolean;
  /** Words of a refusal; empty: there are none. */
  readonly refusal: string;
}

/** `stop_reason` with what belongs to it. */
export function stopToAnthropic(ending: Ending): Stop {
  const { stopSequence = null, refusal } = ending;
  return {
    stop_reason: reasonToAnthropic(ending),
    stop_sequence: stopSequence,
    stop_details: refusal === "" ? null : { type: "refusal", category: null, explanation: refusal },
  };
}

function reasonToAnthropic({ reason, rawReason, stopSequence, hasCalls, refusal }: Ending): StopReason {
  if (refusal !== "") return "refusal";
  if (isOwn(rawReason)) return rawReason;
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

function isOwn(reason: string): reason is StopReason {
  return Object.hasOwn(ownReasons, reason);
}

/** `usage`: here the tokens of the prompt that a cache had a part in stand apart from the others. */
export function usageToAnthropic(usage: Usage): WireUsage {
  return { ...deltaUsageToAnthropic(usage), ...untold };
}

/** `usage` as the end of a stream has it. */
export function deltaUsageToAnthropic(usage: Usage): DeltaUsage & { readonly input_tokens: number } {
  const { promptTokens, completionTokens, cachedTokens, cacheWriteTokens, reasoningTokens } = usage;
  return {
    input_tokens: Math.max(0, promptTokens - (cachedTokens ?? 0) - (cacheWriteTokens ?? 0)),
    cache_creation_input_tokens: cacheWriteTokens ?? null,
    cache_read_input_tokens: cachedTokens ?? null,
    output_tokens: completionTokens,
    output_tokens_details: reasoningTokens === undefined ? null : { thinking_tokens: reasoningTokens },
    server_tool_use: null,
  };
}

/** What is known of no answer here. */
const untold = { cache_creation: null, service_tier: null, inference_geo: null, speed: null } as const;

/** What is told of an answer that took nothing, or of which nothing is known. */
export const nothingTaken: Usage = { $typeName: "parley.v1.Usage", promptTokens: 0, completionTokens: 0, source: 0 };

/** How long a prompt is. What was not counted says that it is an estimate. */
export function countToAnthropic(promptTokens: number, isEstimated: boolean): TokenCount {
  return { input_tokens: promptTokens, ...(isEstimated && { estimated: true }) };
}

/** The API's ids begin with `msg_`. */
export function messageId(id: string): string {
  return `msg_${id.replace(/^[a-z]+-/, "")}`;
}

/** A whole answer as a message. Throws `provider_malformed` where the arguments of a call are no JSON object: this format has no place for them. */
export function messageToAnthropic({ id, model, choices, usage = nothingTaken }: ChatResponse, isThinkingOmitted = false): Message {
  const [choice] = choices;
  const ending = endingOf(choice);
  const how = { isThinkingOmitted, isCut: ending.reason === FinishReason.LENGTH };
  return {
    id: messageId(id),
    type: "message",
    role: "assistant",
    model,
    content: (choice?.message?.parts ?? []).flatMap((part) => blocksOf(part, how)),
    ...stopToAnthropic(ending),
    container: null,
    diagnostics: null,
    usage: usageToAnthropic(usage),
  };
}

function endingOf(choice: Choice | undefined): Ending {
  const { reason = FinishReason.OTHER, rawReason = "", stopSequence, message } = choice ?? {};
  const parts = message?.parts ?? [];
  return {
    reason,
    rawReason,
    stopSequence,
    hasCalls: parts.some(({ part }) => part.case === "toolCall"),
    refusal: parts.map(({ part }) => (part.case === "refusal" ? part.value.text : "")).join(""),
  };
}

interface HowTold {
  readonly isThinkingOmitted: boolean;
  /** Whether the answer ended at its limit: its last call may have been cut, and half a call is none. */
  readonly isCut: boolean;
}

function blocksOf({ part }: Part, { isThinkingOmitted, isCut }: HowTold): ContentBlock[] {
  switch (part.case) {
    case "text":
      return [{ type: "text", text: part.value.text, citations: null }];
    case "toolCall": {
      const { id, name } = part.value;
      const input = inputOf(part.value);
      if (input !== undefined) return [{ type: "tool_use", id, name, input, caller: { type: "direct" } }];
      if (isCut) return [];
      throw fault(
        "provider_malformed",
        `the model called ${JSON.stringify(name.slice(0, 64))} with arguments that are no JSON object: ask again`,
      );
    }
    case "reasoning": {
      const { text, signature, redactedData } = part.value;
      if (redactedData.length > 0) return [{ type: "redacted_thinking", data: new TextDecoder().decode(redactedData) }];
      return [{ type: "thinking", thinking: isThinkingOmitted ? "" : text, signature }];
    }
    default:
      return [];
  }
}

/** What a tool is called with; undefined where that is no object. */
function inputOf({ arguments: text }: ToolCall): JsonObject | undefined {
  try {
    const input: unknown = text.trim() === "" ? {} : exactJson(text);
    return isJsonObject(input) ? input : undefined;
  } catch {
    return undefined;
  }
}
