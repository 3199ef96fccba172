import type { ToldError } from "./told-error.ts";

/** What an upstream tells of a prompt that does not fit. */
export interface ContextCounts {
  readonly promptTokens?: number | undefined;
  readonly contextLength?: number | undefined;
}

/** A sentence of a server's about a prompt that is too long; the groups are named `prompt` and `context`. */
const sentences: readonly RegExp[] = [
  // vLLM, from the newest to the oldest; DeepSeek, OpenRouter and OpenAI word it like the last of them.
  /maximum context length is (?<context>\d+) tokens?\b.*?your prompt contains (?:at least )?(?<prompt>\d+)/s,
  /maximum context length is (?<context>\d+) tokens? and your request has (?<prompt>\d+) input tokens/s,
  /prompt \(length (?<prompt>\d+)\) is longer than the maximum model length of (?<context>\d+)/s,
  /maximum context length is (?<context>\d+) tokens?\b.*?\((?<prompt>\d+) (?:in the (?:messages|prompt)|of text input|of the input)/s,
  /maximum context length is (?<context>\d+) tokens?\b.*?(?:resulted in|requested|has) (?:about )?(?<prompt>\d+)/s,
  /maximum context length is (?<context>\d+)/,
  // OpenAI's newer models.
  /limit of (?<context>\d+) tokens.*?resulted in (?<prompt>\d+)/s,
  // llama-server.
  /request \((?<prompt>\d+) tokens\) exceeds the available context size \((?<context>\d+) tokens\)/,
  // Text Generation Inference, behind Hugging Face's router.
  /must be <= (?<context>\d+)\. Given: (?<prompt>\d+) `inputs` tokens/,
  /must have less than (?<context>\d+) tokens\. Given: (?<prompt>\d+)/,
  // LM Studio.
  /first (?<prompt>\d+) tokens.*?context length of only (?<context>\d+)/s,
  /n_keep: (?<prompt>\d+)\s*>=\s*n_ctx: (?<context>\d+)/,
];

const codes: ReadonlySet<string> = new Set(["context_length_exceeded", "exceed_context_size_error", "string_above_max_length"]);

/** Words of servers that tell no numbers, or tell them in a way that is not known. */
const tooLong =
  /(?:exceed|longer than|too (?:long|large|many)|greater than|beyond|larger than|overflow).{0,80}(?:context (?:length|window|size)|maximum (?:model|sequence) length)|(?:context (?:length|window|size)|maximum (?:model|sequence) length).{0,80}(?:exceed|too (?:small|long)|overflow)|(?:prompt|input) is too long/is;

/** The numbers of a refusal that means that the prompt does not fit; undefined where it means something else. */
export function contextCounts(told: ToldError): ContextCounts | undefined {
  const { words, code, type, rest } = told;
  const promptTokens = count(rest["n_prompt_tokens"]);
  const contextLength = count(rest["n_ctx"]);
  if (promptTokens !== undefined || contextLength !== undefined) return { promptTokens, contextLength };
  for (const sentence of sentences) {
    const groups = sentence.exec(words)?.groups;
    if (groups !== undefined) return { promptTokens: count(Number(groups["prompt"])), contextLength: count(Number(groups["context"])) };
  }
  return codes.has(code) || codes.has(type) || tooLong.test(words) ? {} : undefined;
}

function count(value: unknown): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? value : undefined;
}
