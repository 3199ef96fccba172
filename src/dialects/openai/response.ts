import { FinishReason, type ChatResponse, type Choice, type TokenLogprob, type TopLogprob } from "../../../gen/parley/v1/chat_pb.ts";
import type { Part } from "../../../gen/parley/v1/messages_pb.ts";
import { usualDialect, type ThinkingWord } from "../../core/openai-dialect.ts";
import { thoughtNamed } from "./dialect-options.ts";
import { reasoningDetails } from "./reasoning-details.ts";
import type { Usage } from "../../../gen/parley/v1/usage_pb.ts";
import type { ChatChoice, ChatCompletion, ChatFinish, ToolCall } from "./wire/chat-answer.ts";
import type { ChoiceLogprobs, TopLogprob as WireTopLogprob } from "./wire/logprobs.ts";
import type { CompletionUsage } from "./wire/usage.ts";

/** `finish_reason` of OpenAI's for one of ours; a choice that called tools never says `stop`. */
export function finishReasonToOpenAI(reason: FinishReason, hasToolCalls: boolean): ChatFinish {
  switch (reason) {
    case FinishReason.LENGTH:
      return "length";
    case FinishReason.CONTENT_FILTER:
      return "content_filter";
    case FinishReason.TOOL_CALLS:
      return "tool_calls";
    default:
      return hasToolCalls ? "tool_calls" : "stop";
  }
}

/** `usage` of OpenAI's: what was counted. Its counts are numbers wherever they stand, so those that nobody counted are left out. */
export function usageToOpenAI(usage: Usage): CompletionUsage {
  const { promptTokens, completionTokens, cachedTokens, cacheWriteTokens, reasoningTokens } = usage;
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: {
      ...(cachedTokens !== undefined && { cached_tokens: cachedTokens }),
      ...(cacheWriteTokens !== undefined && { cache_write_tokens: cacheWriteTokens }),
    },
    completion_tokens_details: { ...(reasoningTokens !== undefined && { reasoning_tokens: reasoningTokens }) },
  };
}

/** `logprobs` of OpenAI's for the tokens of a choice or chunk; null when there are none. */
export function logprobsToOpenAI(tokens: readonly TokenLogprob[]): ChoiceLogprobs | null {
  if (tokens.length === 0) return null;
  return { content: tokens.map((token) => ({ ...logprob(token), top_logprobs: token.top.map(logprob) })), refusal: null };
}

function logprob({ token, logprob: value, bytes }: TokenLogprob | TopLogprob): WireTopLogprob {
  return { token, logprob: finiteLogprob(value), bytes: bytes.length === 0 ? null : [...bytes] };
}

/** JSON has no infinity: OpenAI writes what can never come as -9999. */
export function finiteLogprob(value: number): number {
  return Number.isFinite(value) ? value : -9999;
}

/** `chat.completion` for a whole answer: every key that OpenAI's has and that may be null is there; what may not is left out where it has no value, since clients that check what they get fail on it. */
export function chatResponseToOpenAI(response: ChatResponse, { thinking } = usualDialect): ChatCompletion {
  const { id, model, created, choices, usage, servedBy } = response;
  return {
    id,
    object: "chat.completion",
    created: Number(created?.seconds ?? 0n),
    model,
    choices: choices.map((choice) => choiceToOpenAI(choice, thinking)),
    ...(usage !== undefined && { usage: usageToOpenAI(usage) }),
    service_tier: null,
    ...fingerprinted(servedBy),
    metadata: null,
    moderation: null,
  };
}

function choiceToOpenAI(choice: Choice, thinking: ThinkingWord): ChatChoice {
  const parts = choice.message?.parts ?? [];
  const calls = toolCalls(parts);
  const reasoning = joined(parts, "reasoning");
  const details = reasoning === null ? [] : reasoningDetails(parts);
  return {
    index: choice.index,
    message: {
      role: "assistant",
      // OpenAI writes null where tool calls or a refusal stand instead of words.
      content: joined(parts, "text") ?? (calls.length === 0 && joined(parts, "refusal") === null ? "" : null),
      refusal: joined(parts, "refusal"),
      annotations: [],
      audio: null,
      function_call: null,
      // An empty list would be refused by OpenAI itself when it comes back to it, and is a call to clients that ask whether there is one.
      ...(calls.length > 0 && { tool_calls: calls }),
      ...(reasoning !== null && thoughtNamed(reasoning, thinking)),
      ...(details.length > 0 && { reasoning_details: details }),
    },
    logprobs: logprobsToOpenAI(choice.logprobs),
    finish_reason: finishReasonToOpenAI(choice.reason, calls.length > 0),
  };
}

function joined(parts: readonly Part[], kind: "text" | "refusal" | "reasoning"): string | null {
  const texts = parts.flatMap(({ part }) => (part.case === kind ? [part.value.text] : []));
  return texts.length === 0 ? null : texts.join("");
}

function toolCalls(parts: readonly Part[]): ToolCall[] {
  return parts.flatMap(({ part }) => {
    if (part.case !== "toolCall") return [];
    const { id, name, arguments: text } = part.value;
    return [{ id, type: "function" as const, function: { name, arguments: text } }];
  });
}

/** What changes when what serves changes: provider and model there. */
export function fingerprinted(served: { readonly provider: string; readonly model: string } | undefined): {
  readonly system_fingerprint?: string;
} {
  return served === undefined ? {} : { system_fingerprint: `${served.provider}/${served.model}` };
}
