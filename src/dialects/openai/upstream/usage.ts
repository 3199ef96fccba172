import type { ChatRequest } from "../../../../gen/parley/v1/chat_pb.ts";
import { UsageSource, type Timings, type Usage } from "../../../../gen/parley/v1/usage_pb.ts";
import { estimatedPromptTokens, estimatedUsage } from "../../../core/estimate.ts";
import { isJsonObject, type JsonObject } from "../../../core/json.ts";

interface Written {
  readonly request: ChatRequest;
  /** Characters of the answer, over all choices. */
  readonly characters: number;
}

/** Tokens as the upstream told them, else an estimate. */
export function usageOf(told: JsonObject | undefined, timings: JsonObject | undefined, { request, characters }: Written): Usage {
  const promptTokens = count(told?.["prompt_tokens"]);
  const completionTokens = count(told?.["completion_tokens"]);
  if (told === undefined || promptTokens === undefined || completionTokens === undefined)
    return estimatedUsage(estimatedPromptTokens(request), characters);
  // Some tell 0 for what they have not counted.
  if (completionTokens === 0 && characters > 0)
    return estimatedUsage(promptTokens === 0 ? estimatedPromptTokens(request) : promptTokens, characters);
  return { $typeName: "parley.v1.Usage", promptTokens, completionTokens, source: UsageSource.PROVIDER, ...detailsOf(told, timings) };
}

/** Classes of tokens, also by DeepSeek's and llama.cpp's own names. */
function detailsOf(
  told: JsonObject,
  timings: JsonObject | undefined,
): Pick<Usage, "cachedTokens" | "cacheWriteTokens" | "reasoningTokens"> {
  const prompt = objectOf(told["prompt_tokens_details"]);
  const cachedTokens = count(prompt["cached_tokens"]) ?? count(told["prompt_cache_hit_tokens"]) ?? count(timings?.["cache_n"]);
  const cacheWriteTokens = count(prompt["cache_write_tokens"]);
  const reasoningTokens = count(objectOf(told["completion_tokens_details"])["reasoning_tokens"]);
  return {
    ...(cachedTokens !== undefined && { cachedTokens }),
    ...(cacheWriteTokens !== undefined && { cacheWriteTokens }),
    ...(reasoningTokens !== undefined && { reasoningTokens }),
  };
}

/** What llama-server tells of where the time went. */
export function timingsOf(told: JsonObject | undefined): Timings | undefined {
  const promptMs = milliseconds(told?.["prompt_ms"]);
  const generationMs = milliseconds(told?.["predicted_ms"]);
  if (promptMs === undefined && generationMs === undefined) return undefined;
  return {
    $typeName: "parley.v1.Timings",
    ...(promptMs !== undefined && { promptMs }),
    ...(generationMs !== undefined && { generationMs }),
  };
}

function objectOf(value: unknown): JsonObject {
  return isJsonObject(value) ? value : {};
}

/** A number of tokens; undefined where an upstream tells something else. */
function count(value: unknown): number | undefined {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 2147483647 ? value : undefined;
}

function milliseconds(value: unknown): number | undefined {
  return typeof value === "number" ? count(Math.round(value)) : undefined;
}
