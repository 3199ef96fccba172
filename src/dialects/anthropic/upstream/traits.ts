import { optionKeys, type OptionKeys } from "../../given-options.ts";
import { checkQuirks, countQuirk, quirkOf, type Quirks } from "../../quirks.ts";

/** What an Anthropic upstream does, its quirks worked in. */
export interface AnthropicTraits {
  readonly optionKeys: OptionKeys;
  /** Sent as `max_tokens` where a request says none. */
  readonly maxTokens: number;
  /** How thinking is asked for: by a budget of tokens, or by an effort that the model makes of it what it likes. */
  readonly thinking: "budget" | "adaptive";
  /** Whether an assistant message at the end is gone on from. */
  readonly canContinue: boolean;
  /** Whether answers can be held to a schema. */
  readonly hasSchemas: boolean;
}

/** The API demands a number. All models since Claude 3.5 write at least so many tokens, and a whole answer of that length comes well within the ten minutes that connections last. */
const defaultMaxTokens = 8192;

/**
 * Reads the quirks of an Anthropic upstream. Throws `invalid_request` for names and values that nobody knows.
 * `maxTokens`: sent where a request says none. `thinking`: `adaptive` for models that take an effort instead of a budget. `prefill`: `refused` by models that always
 * answer anew. `jsonSchema`: `refused` by models without structured outputs.
 */
export function anthropicTraits(quirks: Quirks, name?: string): AnthropicTraits {
  checkQuirks(quirks, ["maxTokens", "thinking", "prefill", "jsonSchema"]);
  return {
    optionKeys: optionKeys("anthropic", name),
    maxTokens: countQuirk(quirks, "maxTokens") ?? defaultMaxTokens,
    thinking: quirkOf(quirks, "thinking", ["budget", "adaptive"]),
    canContinue: quirkOf(quirks, "prefill", ["continued", "refused"]) === "continued",
    hasSchemas: quirkOf(quirks, "jsonSchema", ["output_config", "refused"]) === "output_config",
  };
}
