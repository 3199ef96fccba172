import { create, type JsonObject } from "@bufbuild/protobuf";
import { ChatRequestSchema, type ChatRequest } from "../../../gen/parley/v1/chat_pb.ts";
import { ReasoningEffort, ReasoningSchema, type Reasoning } from "../../../gen/parley/v1/messages_pb.ts";
import { invalidField } from "../../core/reasons.ts";
import { messagesFromOpenAI } from "./messages.ts";
import {
  asJson,
  booleanAt,
  defined,
  integerAt,
  listAt,
  objectAt,
  oneOf,
  present,
  read,
  readAt,
  required,
  structAt,
  textAt,
  unsupported,
  type Json,
} from "./read.ts";
import { samplingFromOpenAI } from "./sampling.ts";
import { responseFormatFromOpenAI, toolChoiceFromOpenAI, toolsFromOpenAI } from "./tools.ts";

/** A chat completion request: what is asked, and how the answer is to be written. */
export interface OpenAIChatRequest {
  readonly request: ChatRequest;
  /** Whether the answer is a stream of chunks. */
  readonly stream: boolean;
  /** Whether a stream ends with a chunk that has the usage. */
  readonly includeUsage: boolean;
}

/** Known fields that cannot be honoured, and why; each would change what the answer means. */
const refusedNames: Readonly<Record<string, string>> = {
  functions: "it is of an older API; send tools",
  function_call: "it is of an older API; send tool_choice",
  audio: "answers are text",
  web_search_options: "this service searches nothing",
  moderation: "this service moderates nothing",
  stop_token_ids: "send stop, as texts",
  bad_words: "send logit_bias",
  logits_processors: "they would be code of the caller",
  guided_regex: "send response_format, or grammar",
  guided_choice: "send response_format, or grammar",
  guided_grammar: "send grammar, as GBNF",
  structured_outputs: "send response_format",
  prompt_logprobs: "only the answer's tokens have logprobs",
  use_beam_search: "tokens are drawn, not searched",
  chat_template: "the model's own template is used",
  mirostat: "send temperature, top_p or min_p",
  best_of: "send n",
};

/** Fields of OpenAI's that other upstreams do not know; they pass to an upstream named `openai` and change nothing elsewhere. */
const passedNames = ["service_tier", "store", "prediction", "verbosity", "prompt_cache_retention", "prompt_cache_options"];

const effortOf = oneOf({
  none: ReasoningEffort.NONE,
  minimal: ReasoningEffort.MINIMAL,
  low: ReasoningEffort.LOW,
  medium: ReasoningEffort.MEDIUM,
  high: ReasoningEffort.HIGH,
  xhigh: ReasoningEffort.XHIGH,
  max: ReasoningEffort.MAX,
});

/**
 * Reads the body of `POST /v1/chat/completions`. Every known field is mapped, or refused by name; fields that nobody knows are ignored, as vLLM does.
 * Throws `invalid_request` and `unsupported_field`, whose first field is OpenAI's `param`.
 */
export function chatRequestFromOpenAI(json: unknown): OpenAIChatRequest {
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw invalidField("body", "must be a JSON object");
  const body = json as Json;
  refuseUnsupported(body);
  const request = create(
    ChatRequestSchema,
    defined({
      model: read(body, "model", textAt),
      messages: messagesFromOpenAI(required(body, "messages", "")),
      sampling: samplingFromOpenAI(body),
      maxTokens: maxTokens(body),
      stop: read(body, "stop", stopAt),
      tools: read(body, "tools", toolsFromOpenAI),
      toolChoice: read(body, "tool_choice", toolChoiceFromOpenAI),
      parallelToolCalls: read(body, "parallel_tool_calls", booleanAt),
      responseFormat: responseFormatFromOpenAI(body),
      choices: read(body, "n", integerAt),
      topLogprobs: topLogprobs(body),
      reasoning: reasoning(body),
      endUserId: read(body, "safety_identifier", textAt) ?? read(body, "user", textAt),
      metadata: read(body, "metadata", labelsAt),
      minTokens: read(body, "min_tokens", integerAt),
      ignoreEos: read(body, "ignore_eos", booleanAt),
      continueFinalMessage: continueFinalMessage(body),
      chatTemplateOptions: read(body, "chat_template_kwargs", structAt),
      promptCacheKey: read(body, "prompt_cache_key", textAt),
      providerOptions: providerOptions(body),
    }),
  );
  return { request, stream: read(body, "stream", booleanAt) ?? false, includeUsage: read(body, "stream_options", usageWanted) ?? false };
}

function refuseUnsupported(body: Json): void {
  for (const name of Object.keys(body)) {
    const because = Object.hasOwn(refusedNames, name) ? refusedNames[name] : undefined;
    if (because !== undefined && !isNeutral(present(body, name))) throw unsupported(name, because);
  }
  const modalities = read(body, "modalities", listAt) ?? [];
  if (modalities.some((modality) => modality !== "text")) throw unsupported("modalities", "answers are text");
}

/** Whether a value says nothing: clients send unused fields as null, false, 0 or empty. */
function isNeutral(value: unknown): boolean {
  if (value === undefined || value === false || value === 0 || value === "none") return true;
  return Array.isArray(value) && value.length === 0;
}

function maxTokens(body: Json): number | undefined {
  const older = read(body, "max_tokens", integerAt);
  const newer = read(body, "max_completion_tokens", integerAt);
  if (older !== undefined && newer !== undefined && older !== newer)
    throw invalidField("max_tokens", `${older} contradicts max_completion_tokens, ${newer}: send one of them`);
  return newer ?? older ?? predicted(body);
}

/** llama.cpp's own name for it; below 0 it means no limit. */
function predicted(body: Json): number | undefined {
  const count = read(body, "n_predict", integerAt);
  return count === undefined || count < 0 ? undefined : count;
}

function topLogprobs(body: Json): number | undefined {
  const wanted = read(body, "logprobs", booleanAt) ?? false;
  const top = read(body, "top_logprobs", integerAt);
  if (wanted) return top ?? 0;
  if (top !== undefined && top !== 0) throw invalidField("top_logprobs", "needs logprobs to be true");
  return undefined;
}

function reasoning(body: Json): Reasoning | undefined {
  const effort = read(body, "reasoning_effort", effortOf);
  const budgetTokens = read(body, "thinking_token_budget", integerAt);
  if (effort === undefined && budgetTokens === undefined) return undefined;
  const reasoned = create(ReasoningSchema, { effort: effort ?? ReasoningEffort.UNSPECIFIED });
  if (budgetTokens !== undefined) reasoned.budgetTokens = budgetTokens;
  return reasoned;
}

/** vLLM wants its two switches to agree; asking for no generation prompt alone would change what is generated. */
function continueFinalMessage(body: Json): boolean {
  const isContinued = read(body, "continue_final_message", booleanAt) ?? false;
  if (read(body, "add_generation_prompt", booleanAt) === false && !isContinued)
    throw unsupported("add_generation_prompt", "false goes only with continue_final_message");
  return isContinued;
}

function stopAt(value: unknown, path: string): string[] {
  if (typeof value === "string") return [value];
  return listAt(value, path).map((item, index) => textAt(item, `${path}[${index}]`));
}

function labelsAt(value: unknown, path: string): Record<string, string> {
  return Object.fromEntries(Object.entries(objectAt(value, path)).map(([key, label]) => [key, textAt(label, `${path}.${key}`)]));
}

function providerOptions(body: Json): JsonObject | undefined {
  const passed = passedNames.filter((name) => present(body, name) !== undefined);
  if (passed.length === 0) return undefined;
  return { openai: Object.fromEntries(passed.map((name) => [name, asJson(body[name])])) };
}

function usageWanted(value: unknown, path: string): boolean {
  return readAt(objectAt(value, path), { at: `${path}.`, name: "include_usage" }, booleanAt) ?? false;
}
