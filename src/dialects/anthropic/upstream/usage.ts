import type { ChatRequest } from "../../../../gen/parley/v1/chat_pb.ts";
import { UsageSource, type Usage } from "../../../../gen/parley/v1/usage_pb.ts";
import { estimatedPromptTokens, estimatedTokens } from "../../../core/estimate.ts";
import { isJsonObject } from "../../../core/json.ts";

/** Counts what an answer took, from what the frames tell: each tells totals, and the last word holds. */
export class UsageCount {
  #input: number | undefined;
  #cacheRead: number | undefined;
  #cacheWrite: number | undefined;
  #output: number | undefined;
  #thinking: number | undefined;

  /** Heeds a `usage` object; what it leaves out or gives as null stays as it was. */
  heed(usage: unknown): void {
    if (!isJsonObject(usage)) return;
    this.#input = countOf(usage["input_tokens"]) ?? this.#input;
    this.#cacheRead = countOf(usage["cache_read_input_tokens"]) ?? this.#cacheRead;
    this.#cacheWrite = countOf(usage["cache_creation_input_tokens"]) ?? this.#cacheWrite;
    this.#output = countOf(usage["output_tokens"]) ?? this.#output;
    const details = usage["output_tokens_details"];
    if (isJsonObject(details)) this.#thinking = countOf(details["thinking_tokens"]) ?? this.#thinking;
  }

  /** What is known of the prompt so far; undefined: nothing. */
  promptUsage(): Usage | undefined {
    const promptTokens = this.#promptTokens();
    if (promptTokens === undefined) return undefined;
    return this.#withCaches({ $typeName: "parley.v1.Usage", promptTokens, completionTokens: 0, source: UsageSource.PROVIDER });
  }

  /** The usage of ours; estimated where the upstream has told too little. `characters` are those of the answer. */
  usage(request: ChatRequest, characters: number): Usage {
    const promptTokens = this.#promptTokens();
    const output = this.#output === 0 && characters > 0 ? undefined : this.#output;
    const counted = this.#withCaches({
      $typeName: "parley.v1.Usage",
      promptTokens: promptTokens ?? estimatedPromptTokens(request),
      completionTokens: output ?? estimatedTokens(characters),
      source: promptTokens === undefined || output === undefined ? UsageSource.ESTIMATED : UsageSource.PROVIDER,
    });
    if (this.#thinking !== undefined) counted.reasoningTokens = this.#thinking;
    return counted;
  }

  #withCaches(usage: Usage): Usage {
    if (this.#cacheRead !== undefined) usage.cachedTokens = this.#cacheRead;
    if (this.#cacheWrite !== undefined) usage.cacheWriteTokens = this.#cacheWrite;
    return usage;
  }

  /** All of the prompt: `input_tokens` are those that no cache had a part in. No prompt is empty: some who speak this format tell 0 for what they have not counted. */
  #promptTokens(): number | undefined {
    if (this.#input === undefined) return undefined;
    const sum = this.#input + (this.#cacheRead ?? 0) + (this.#cacheWrite ?? 0);
    return sum > 0 ? Math.min(sum, mostTokens) : undefined;
  }
}

/** All that a count of ours holds. */
const mostTokens = 2 ** 31 - 1;

function countOf(value: unknown): number | undefined {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= mostTokens ? value : undefined;
}
