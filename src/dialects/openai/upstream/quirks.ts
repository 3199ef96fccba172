import { fault } from "../../../core/reasons.ts";
import { quirkRows, type OpenAIKind } from "./quirk-rows.ts";

/**
 * What OpenAI-shaped upstreams do differently: every quirk with the values it may have and what each means. A row of `quirkRows` has one value of each,
 * and an upstream's configuration may say another.
 */
export const quirks = {
  developerRole: { developer: "developer messages are sent as such", system: "developer messages are sent as system messages" },
  textParts: {
    list: "several texts of a message are sent as a list",
    joined: "several texts of a message are joined, but beside media, where a list is the only form",
  },
  imageParts: { sent: "images of users are sent", refused: "images are refused" },
  audioParts: { sent: "sound (wav, mp3) of users is sent", refused: "sound is refused" },
  fileParts: { sent: "documents of users are sent", refused: "documents are refused" },
  toolResultImages: { sent: "images in results of tools are sent", refused: "images in results of tools are refused" },
  refusals: { field: "earlier refusals are sent as `refusal`", text: "earlier refusals are sent as text" },
  tokenLimit: { max_completion_tokens: "max_tokens is sent as `max_completion_tokens`", max_tokens: "max_tokens is sent as `max_tokens`" },
  extraSampling: {
    none: "top_k, min_p, repeat_penalty, repeat_last_n, xtc and dry are refused",
    vllm: "top_k, min_p and repeat_penalty (as `repetition_penalty`) are sent",
    "llama-server": "all of them are sent under llama.cpp's names",
    openrouter: "top_k, min_p and repeat_penalty (as `repetition_penalty`) are sent",
    lmstudio: "top_k and repeat_penalty are sent",
  },
  seed: { sent: "the seed is sent", refused: "a seed is refused" },
  logitBias: { sent: "logit_bias is sent", refused: "logit_bias is refused" },
  mostStops: { "4": "more than 4 stop texts are refused", "16": "16 are the limit of Parley itself" },
  forcedLength: {
    none: "min_tokens and ignore_eos are refused",
    ignore_eos: "ignore_eos is sent, min_tokens refused",
    both: "min_tokens and ignore_eos are sent",
  },
  choices: { sent: "choices are asked for as `n`", refused: "more than one choice is refused" },
  logprobs: { sent: "logprobs are asked for", refused: "logprobs are refused" },
  toolChoice: {
    all: "every form of tool_choice is sent",
    function: "a subset of the tools is asked for by sending only those tools",
    words: "one tool and a subset are asked for by sending only those tools",
  },
  parallelToolCalls: { sent: "parallel_tool_calls is sent", refused: "parallel_tool_calls: false is refused" },
  jsonObject: { sent: "json_object is asked for", refused: "json_object is refused" },
  jsonSchema: { sent: "json_schema is asked for", refused: "json_schema is refused" },
  grammar: {
    refused: "grammars are refused",
    grammar: "a grammar is sent as llama.cpp's `grammar`",
    structured_outputs: "a grammar is sent as vLLM's `structured_outputs`",
  },
  reasoningEffort: {
    reasoning_effort: "the effort is sent as `reasoning_effort`",
    reasoning: "the effort is sent as OpenRouter's `reasoning`",
    thinking: "DeepSeek's `thinking` is switched, and an effort other than none is sent as `reasoning_effort`",
    template: "the effort is a variable of the chat template, with `enable_thinking`",
    refused: "an effort is refused",
  },
  reasoningBudget: {
    refused: "a budget for thinking is refused",
    thinking_token_budget: "it is sent as vLLM's `thinking_token_budget`",
    reasoning: "it is sent as OpenRouter's `reasoning`, and excludes an effort",
  },
  reasoningReturned: {
    none: "earlier thinking is not sent: the upstream takes none back",
    reasoning_content: "earlier thinking is sent as `reasoning_content`",
    reasoning: "earlier thinking is sent as `reasoning`",
    reasoning_details: "earlier thinking is sent as OpenRouter's `reasoning_details`, with signatures and hidden parts",
  },
  reasoningRequired: {
    no: "an assistant message without thinking has none",
    with_tool_calls: "an assistant message that calls tools always has some, if only an empty text: DeepSeek refuses it otherwise",
  },
  chatTemplateOptions: { sent: "they are sent as `chat_template_kwargs`", refused: "they are refused" },
  continuation: {
    none: "continue_final_message is refused",
    flags: "it is asked for with vLLM's `continue_final_message` and `add_generation_prompt`",
    native: "an assistant message at the end is always gone on from",
    prefix: "the last message is marked with `prefix`, as DeepSeek's beta API takes it",
  },
  rawPrompt: {
    completions: "a raw prompt is sent to `/completions`",
    open_completions: "the same, with `max_tokens: null` where no limit is asked for: vLLM would end after 16 tokens",
    refused: "a raw prompt is refused",
  },
  rawPromptTokens: { sent: "a raw prompt may be token ids", refused: "a raw prompt is text" },
  rawPromptEcho: { sent: "the answer to a raw prompt may repeat it", refused: "echo is refused" },
  promptCacheKey: { sent: "prompt_cache_key is sent", dropped: "prompt_cache_key, which is a hint, is not sent" },
  endUser: {
    safety_identifier: "end_user_id is sent as `safety_identifier`",
    user: "end_user_id is sent as `user`",
    dropped: "end_user_id is not sent",
  },
  streamUsage: {
    sent: "streams are asked for their usage",
    dropped: "streams are not asked for their usage: it is estimated unless they tell it",
  },
  embeddings: {
    base64: "vectors are asked for as base64, a third of the bytes",
    float: "vectors are asked for as numbers",
    refused: "the API makes no vectors",
  },
  requiredParameters: {
    none: "nothing is said of providers behind the upstream",
    provider: "OpenRouter is told to ask none that would ignore logprobs or the shape of the answer",
  },
  options: {
    known: "provider_options that the kind is known to have are sent, others refused",
    any: "provider_options are sent, whatever they are called",
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, string>>>>;

/** One value of each quirk. */
export type Quirks = { readonly [Name in keyof typeof quirks]: keyof (typeof quirks)[Name] & string };

/** The kind's row with what the configuration says otherwise. Throws `invalid_request` naming the quirk, and what is known. */
export function quirksOf(kind: OpenAIKind, given: Readonly<Record<string, string>>): Quirks {
  for (const [name, value] of Object.entries(given)) {
    const values: Readonly<Record<string, string>> | undefined = Object.hasOwn(quirks, name) ? quirks[name as keyof Quirks] : undefined;
    if (values === undefined)
      throw fault("invalid_request", `quirks.${name}: there is no such quirk; known are ${Object.keys(quirks).join(", ")}`);
    if (!Object.hasOwn(values, value))
      throw fault("invalid_request", `quirks.${name}: ${JSON.stringify(value)} is none of ${Object.keys(values).join(", ")}`);
  }
  return { ...quirkRows[kind], ...(given as Partial<Quirks>) };
}
