/** The contract's path for a parameter of the format, by its first part. */
const fields: Readonly<Record<string, string>> = {
  messages: "messages",
  input: "messages",
  prompt: "raw_prompt",
  max_tokens: "max_tokens",
  max_completion_tokens: "max_tokens",
  stop: "stop",
  n: "choices",
  tools: "tools",
  tool_choice: "tool_choice",
  parallel_tool_calls: "parallel_tool_calls",
  response_format: "response_format",
  structured_outputs: "response_format",
  grammar: "response_format",
  logprobs: "top_logprobs",
  top_logprobs: "top_logprobs",
  reasoning: "reasoning",
  reasoning_effort: "reasoning.effort",
  thinking_token_budget: "reasoning.budget_tokens",
  min_tokens: "min_tokens",
  ignore_eos: "ignore_eos",
  continue_final_message: "continue_final_message",
  chat_template_kwargs: "chat_template_options",
  temperature: "sampling.temperature",
  top_p: "sampling.top_p",
  top_k: "sampling.top_k",
  min_p: "sampling.min_p",
  seed: "sampling.seed",
  presence_penalty: "sampling.presence_penalty",
  frequency_penalty: "sampling.frequency_penalty",
  repetition_penalty: "sampling.repeat_penalty",
  repeat_penalty: "sampling.repeat_penalty",
  logit_bias: "sampling.logit_bias",
};

/** What servers say cannot be done without naming a parameter. */
const wishes: readonly (readonly [RegExp, string])[] = [
  [/that support (?:tool|function)/i, "tools"],
  [/that support image/i, "messages"],
  [
    /\blogprobs\b.{0,20}\bnot (?:supported|enabled|available|allowed)|(?:\bnot allowed to request|\bnot support|n't support) logprobs\b/i,
    "top_logprobs",
  ],
];

/** The contract's field that an upstream names as the one at fault; undefined where it names none that is known. */
export function contractField(param: string, words: string): string | undefined {
  const name = /^(?:body\.)?([a-z_]{1,64})/.exec(param)?.[1] ?? "";
  if (Object.hasOwn(fields, name)) return fields[name];
  return wishedField(words);
}

/** The contract's field that an upstream says it cannot honour, without its name for it. */
export function wishedField(words: string): string | undefined {
  return wishes.find(([wish]) => wish.test(words))?.[1];
}
