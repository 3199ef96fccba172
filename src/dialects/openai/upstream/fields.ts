import { honoured, inert, refused, serviceFields, type FieldFate, type FieldTable } from "../../../core/fields.ts";
import type { Quirks } from "./quirks.ts";

/** Honoured, or refused for a reason. */
function unless(isRefused: boolean, because: string): FieldFate {
  return isRefused ? refused(because) : honoured;
}

const noOptions = inert("upstreams of this format get the options of the whole request alone");

/** What an upstream with these quirks does with each field of a ChatRequest. */
export function openaiFields(quirks: Quirks): FieldTable {
  return {
    ...serviceFields,
    ...messageFields(quirks),
    ...samplingFields(quirks),
    ...answerFields(quirks),
    ...promptFields(quirks),
    max_tokens: honoured,
    stop: honoured,
    tools: honoured,
    "tools.provider_options": noOptions,
    tool_choice: honoured,
    parallel_tool_calls: honoured,
    choices: honoured,
    priority: inert("it orders our queues; upstreams of this format know none"),
    include_progress: inert("upstreams of this format tell nothing before their first content"),
    end_user_id: quirks.endUser === "dropped" ? inert("this upstream has no place for it") : honoured,
    prompt_cache_key: quirks.promptCacheKey === "sent" ? honoured : inert("a hint: it never changes an answer"),
    provider_options: honoured,
  };
}

function messageFields(quirks: Quirks): FieldTable {
  const { reasoningReturned: returned } = quirks;
  const notReturned = inert("this upstream takes no earlier thinking back");
  return {
    messages: honoured,
    "messages.provider_options": noOptions,
    "messages.parts.provider_options": noOptions,
    "messages.parts.image": unless(quirks.imageParts === "refused", "this upstream sees no pictures"),
    "messages.parts.image.file_id": refused("images are sent as bytes or by URL"),
    "messages.parts.image.file_name": inert("pictures have no names in this format"),
    "messages.parts.audio": unless(quirks.audioParts === "refused", "this upstream hears nothing"),
    "messages.parts.audio.file_id": refused("sound is sent as bytes"),
    "messages.parts.audio.detail": inert("detail is for pictures"),
    "messages.parts.audio.file_name": inert("sound has no name in this format"),
    "messages.parts.file": unless(quirks.fileParts === "refused", "this upstream reads no documents"),
    "messages.parts.file.detail": inert("detail is for pictures"),
    "messages.parts.reasoning": returned === "none" ? notReturned : honoured,
    ...(returned !== "none" &&
      returned !== "reasoning_details" && {
        "messages.parts.reasoning.signature": inert("this upstream checks no signatures"),
        "messages.parts.reasoning.redacted_data": inert("hidden thinking is another upstream's, which this one could not read"),
      }),
  };
}

function samplingFields({ extraSampling: extra, seed, logitBias }: Quirks): FieldTable {
  const isNone = extra === "none";
  const isLlama = extra === "llama-server";
  const undrawn = "this upstream does not draw so";
  return {
    sampling: honoured,
    "sampling.seed": unless(seed === "refused", "this upstream takes no seed"),
    "sampling.logit_bias": unless(logitBias === "refused", "this upstream takes no biases"),
    "sampling.top_k": unless(isNone, undrawn),
    "sampling.min_p": unless(isNone || extra === "lmstudio", undrawn),
    "sampling.repeat_penalty": unless(isNone, undrawn),
    "sampling.repeat_last_n": unless(!isLlama, undrawn),
    "sampling.xtc": unless(!isLlama, undrawn),
    "sampling.dry": unless(!isLlama, undrawn),
  };
}

function answerFields(quirks: Quirks): FieldTable {
  const { forcedLength: forced } = quirks;
  return {
    response_format: honoured,
    "response_format.json_object": unless(quirks.jsonObject === "refused", "this upstream has no JSON mode; send a json_schema"),
    "response_format.json_schema": unless(quirks.jsonSchema === "refused", "this upstream holds answers to no schema; send json_object"),
    "response_format.grammar": unless(quirks.grammar === "refused", "this upstream knows no grammars"),
    top_logprobs: unless(quirks.logprobs === "refused", "this upstream tells no probabilities"),
    reasoning: honoured,
    "reasoning.effort": unless(quirks.reasoningEffort === "refused", "this upstream cannot be told how much to think"),
    "reasoning.budget_tokens": unless(quirks.reasoningBudget === "refused", "this upstream knows no budget for thinking; send an effort"),
    min_tokens: unless(forced !== "both", "this upstream cannot be kept from ending"),
    ignore_eos: unless(forced === "none", "this upstream cannot be kept from ending"),
    continue_final_message: unless(
      quirks.continuation === "none",
      "this upstream answers anew; end with another message than an assistant's",
    ),
    chat_template_options: unless(quirks.chatTemplateOptions === "refused", "this upstream takes no variables for a template"),
  };
}

function promptFields(quirks: Quirks): FieldTable {
  return {
    raw_prompt: unless(quirks.rawPrompt === "refused", "this upstream takes messages only"),
    "raw_prompt.suffix": refused("this upstream fills no gaps"),
    ...(quirks.rawPromptTokens === "refused" && { "raw_prompt.token_ids": refused("this upstream takes prompts as text") }),
    ...(quirks.rawPromptEcho === "refused" && { "raw_prompt.echo": refused("this upstream does not repeat a prompt") }),
  };
}
