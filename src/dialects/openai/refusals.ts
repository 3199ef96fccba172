import { unsupportedField } from "../../core/reasons.ts";
import { present, type Json } from "./read.ts";

/** Why a field is refused, and the values of it that ask for nothing. */
interface Refusal {
  readonly because: string;
  /** What clients send that leave the field as it is; an empty list stands for any empty list. */
  readonly neutral: readonly unknown[];
}

/** What clients send in fields that they do not use. */
const unused: readonly unknown[] = [false, 0, "none", "", []];

function row(because: string, neutral: readonly unknown[] = unused): Refusal {
  return { because, neutral };
}

const older = "it is of an older API; send";
const drawn = "tokens are drawn, not searched";
const formats = "send response_format, or grammar";
const sampled = "send temperature, top_k, top_p or min_p";
const unspecial = "answers never have special tokens in them";
const noIds = "answers are text, not token ids";

/** Why fields are refused, by name. */
type Refusals = Readonly<Record<string, Refusal>>;

/** Fields that OpenAI, vLLM and llama.cpp know and that cannot be honoured; each would change what the answer says or means. */
const everywhere: Refusals = {
  // OpenAI
  functions: row(`${older} tools`),
  function_call: row(`${older} tool_choice`),
  audio: row("answers are text"),
  web_search_options: row("this service searches nothing"),
  moderation: row("this service moderates nothing"),
  // vLLM
  include_reasoning: row("thinking is not held back from answers", [true]),
  stop_token_ids: row("send stop, as texts"),
  include_stop_str_in_output: row("an answer ends before its stop text", [false]),
  bad_words: row("send logit_bias"),
  allowed_token_ids: row("send logit_bias", [[]]),
  logits_processors: row("they would be code of the caller"),
  guided_regex: row(formats),
  guided_choice: row(formats),
  guided_grammar: row("send grammar, as GBNF"),
  structured_outputs: row("send response_format"),
  prompt_logprobs: row("only the answer's tokens have logprobs"),
  use_beam_search: row(drawn),
  length_penalty: row(drawn, [1]),
  truncate_prompt_tokens: row("a prompt is never cut; shorten it", []),
  skip_special_tokens: row(unspecial, [true]),
  spaces_between_special_tokens: row(unspecial, [true]),
  return_token_ids: row(noIds, [false]),
  return_tokens_as_token_ids: row(noIds, [false]),
  chat_template: row("the model's own template is used"),
  documents: row("send their text in the prompt"),
  // llama.cpp
  typical_p: row(sampled, [1]),
  samplers: row(sampled, []),
  dynatemp_range: row(sampled, [0]),
  dynatemp_exponent: row(sampled, [1]),
  mirostat: row(sampled),
  top_n_sigma: row(sampled, [0, -1]),
  min_keep: row(sampled, [0]),
  n_probs: row("send logprobs and top_logprobs", [0]),
  return_tokens: row(noIds, [false]),
  lora: row("models are used as they are", [[]]),
};

const inChats: Refusals = {
  ...everywhere,
  prompt: row("a conversation is asked for here; send messages"),
  suffix: row("a conversation has no gap to fill"),
  echo: row("an answer does not repeat its prompt", [false]),
  best_of: row("send n", [...unused, 1]),
};

const noTemplate = "a prompt is passed without the model's template; ask /v1/chat/completions";

const inCompletions: Refusals = {
  ...everywhere,
  functions: row(noTemplate),
  function_call: row(noTemplate),
  messages: row("a prompt is gone on from here; ask /v1/chat/completions"),
  tools: row(noTemplate),
  tool_choice: row(noTemplate, ["none", "auto"]),
  reasoning_effort: row(noTemplate, ["none"]),
  thinking_token_budget: row(noTemplate, []),
  chat_template_kwargs: row(noTemplate, []),
  continue_final_message: row("a prompt is always gone on from", [true]),
  top_logprobs: row("send logprobs, as a number", [0]),
  prompt_embeds: row("prompts are texts or token ids"),
  // llama.cpp
  input_prefix: row("send prompt and suffix"),
  input_suffix: row("send prompt and suffix"),
  input_extra: row("put it before the prompt"),
};

/** Refuses the first field of a chat that is known, cannot be honoured and asks for something. Throws `unsupported_field`. */
export function refuseInChat(body: Json): void {
  refuse(body, inChats);
}

/** The same for a prompt that is passed as it is. */
export function refuseInCompletion(body: Json): void {
  refuse(body, inCompletions);
}

/** Fields of chats that are known and refused where they ask for something. */
export const refusedInChats: readonly string[] = Object.keys(inChats);
/** The same of prompts that are passed as they are. */
export const refusedInCompletions: readonly string[] = Object.keys(inCompletions);

function refuse(body: Json, refusals: Refusals): void {
  for (const name of Object.keys(body)) {
    const refusal = Object.hasOwn(refusals, name) ? refusals[name] : undefined;
    if (refusal !== undefined && !isNeutral(present(body, name), refusal.neutral)) throw unsupportedField(name, refusal.because);
  }
}

function isNeutral(value: unknown, neutral: readonly unknown[]): boolean {
  if (value === undefined) return true;
  if (!Array.isArray(value)) return neutral.includes(value);
  return value.length === 0 && neutral.some(Array.isArray);
}
