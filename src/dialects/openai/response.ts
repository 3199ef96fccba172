import { FinishReason, type ChatResponse, type Choice, type TokenLogprob, type TopLogprob } from "../../../gen/parley/v1/chat_pb.ts";
import type { Part } from "../../../gen/parley/v1/messages_pb.ts";
import { reasoningDetails } from "./reasoning-details.ts";
import type { Usage } from "../../../gen/parley/v1/usage_pb.ts";

/** `finish_reason` of OpenAI's for one of ours; a choice that called tools never says `stop`. */
export function finishReasonToOpenAI(reason: FinishReason, hasToolCalls: boolean): string {
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

/** `usage` of OpenAI's; details stand only where they are known. */
export function usageToOpenAI(usage: Usage): object {
  const { promptTokens, completionTokens, cachedTokens, cacheWriteTokens, reasoningTokens } = usage;
  const promptDetails = {
    ...(cachedTokens === undefined ? {} : { cached_tokens: cachedTokens }),
    ...(cacheWriteTokens === undefined ? {} : { cache_write_tokens: cacheWriteTokens }),
  };
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    ...(Object.keys(promptDetails).length > 0 && { prompt_tokens_details: promptDetails }),
    ...(reasoningTokens !== undefined && { completion_tokens_details: { reasoning_tokens: reasoningTokens } }),
  };
}

/** `logprobs` of OpenAI's for the tokens of a choice or chunk; null when there are none. */
export function logprobsToOpenAI(tokens: readonly TokenLogprob[]): object | null {
  if (tokens.length === 0) return null;
  return { content: tokens.map((token) => ({ ...logprob(token), top_logprobs: token.top.map(logprob) })), refusal: null };
}

function logprob({ token, logprob: value, bytes }: TokenLogprob | TopLogprob): object {
  // JSON has no infinity: OpenAI writes what can never come as -9999.
  return { token, logprob: Number.isFinite(value) ? value : -9999, bytes: bytes.length === 0 ? null : [...bytes] };
}

/** `chat.completion` for a whole answer. */
export function chatResponseToOpenAI(response: ChatResponse): object {
  const { id, model, created, choices, usage } = response;
  return {
    id,
    object: "chat.completion",
    created: Number(created?.seconds ?? 0n),
    model,
    choices: choices.map(choiceToOpenAI),
    ...(usage !== undefined && { usage: usageToOpenAI(usage) }),
    ...fingerprint(response),
  };
}

function choiceToOpenAI(choice: Choice): object {
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
      ...(reasoning !== null && { reasoning_content: reasoning }),
      ...(details.length > 0 && { reasoning_details: details }),
      ...(calls.length > 0 && { tool_calls: calls }),
    },
    logprobs: logprobsToOpenAI(choice.logprobs),
    finish_reason: finishReasonToOpenAI(choice.reason, calls.length > 0),
  };
}

function joined(parts: readonly Part[], kind: "text" | "refusal" | "reasoning"): string | null {
  const texts = parts.flatMap(({ part }) => (part.case === kind ? [part.value.text] : []));
  return texts.length === 0 ? null : texts.join("");
}

function toolCalls(parts: readonly Part[]): object[] {
  return parts.flatMap(({ part }) => {
    if (part.case !== "toolCall") return [];
    const { id, name, arguments: text } = part.value;
    return [{ id, type: "function", function: { name, arguments: text } }];
  });
}

/** Changes when what serves changes: provider and model there. */
function fingerprint({ servedBy }: ChatResponse): object {
  return servedBy === undefined ? {} : { system_fingerprint: `${servedBy.provider}/${servedBy.model}` };
}
