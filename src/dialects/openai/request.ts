import { create } from "@bufbuild/protobuf";
import { Priority, type ChatRequest } from "../../../gen/parley/v1/chat_pb.ts";
import { ReasoningEffort, ReasoningSchema, type Reasoning } from "../../../gen/parley/v1/messages_pb.ts";
import { invalidField, unsupportedField } from "../../core/reasons.ts";
import { messagesFromOpenAI } from "./messages.ts";
import { providerOptionsFromOpenAI } from "./passed.ts";
import { booleanAt, defined, integerAt, listAt, objectAt, oneOf, read, required, saysAny, structAt, textAt, type Json } from "./read.ts";
import { refuseInChat } from "./refusals.ts";
import { samplingFromOpenAI } from "./sampling.ts";
import { streamFromOpenAI, type AskedStream } from "./stream-options.ts";
import { responseFormatFromOpenAI, toolChoiceFromOpenAI, toolsFromOpenAI } from "./tools.ts";

/** A chat completion request: what is asked, and how the answer is to be written. */
export interface OpenAIChatRequest extends AskedStream {
  readonly request: ChatRequest;
}

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
  refuseInChat(body);
  refuseModalities(body);
  // A literal of the generated type: `create` costs ten times as much, and looks for fields of ours that no body says.
  const request: ChatRequest = {
    $typeName: "parley.v1.ChatRequest",
    ...nothingSaid,
    messages: messagesFromOpenAI(required(body, "messages", "")),
    stop: [],
    tools: [],
    metadata: {},
    ...defined({
      model: read(body, "model", textAt),
      stop: read(body, "stop", stopAt),
      tools: read(body, "tools", toolsFromOpenAI),
      metadata: read(body, "metadata", labelsAt),
      sampling: samplingFromOpenAI(body),
      maxTokens: maxTokens(body),
      toolChoice: read(body, "tool_choice", toolChoiceFromOpenAI),
      parallelToolCalls: read(body, "parallel_tool_calls", booleanAt),
      responseFormat: responseFormatFromOpenAI(body),
      providerOptions: providerOptionsFromOpenAI(body),
    }),
    ...(saysAny(body, rareNames) && rareFields(body)),
  };
  return { request, ...streamFromOpenAI(body) };
}

/** What is there of a request that says nothing of it. */
const nothingSaid = {
  model: "",
  endUserId: "",
  provider: "",
  priority: Priority.UNSPECIFIED,
  idempotencyKey: "",
  continueFinalMessage: false,
  promptCacheKey: "",
  includeProgress: false,
};

/** Fields that few requests say; those of them that are said, and what they become. */
const rareNames: ReadonlySet<string> = new Set([
  ...["n", "logprobs", "top_logprobs", "reasoning_effort", "thinking_token_budget", "safety_identifier", "user", "priority"],
  ...[
    "min_tokens",
    "ignore_eos",
    "continue_final_message",
    "add_generation_prompt",
    "chat_template_kwargs",
    "prompt_cache_key",
    "provider",
  ],
]);

function rareFields(body: Json): Partial<ChatRequest> {
  return defined({
    choices: read(body, "n", integerAt),
    topLogprobs: topLogprobs(body),
    reasoning: reasoning(body),
    endUserId: read(body, "safety_identifier", textAt) ?? read(body, "user", textAt),
    priority: read(body, "priority", priorityAt),
    minTokens: read(body, "min_tokens", integerAt),
    ignoreEos: read(body, "ignore_eos", booleanAt),
    continueFinalMessage: continueFinalMessage(body),
    chatTemplateOptions: read(body, "chat_template_kwargs", structAt),
    promptCacheKey: read(body, "prompt_cache_key", textAt),
    provider: providerNamed(body),
  });
}

/** Reads `provider`, our own extension: who is to answer, by name. OpenRouter's object of that name says how it is to choose, which is nothing to others. */
export function providerNamed(body: Json): string | undefined {
  const { provider } = body;
  return typeof provider === "object" && !Array.isArray(provider) ? undefined : read(body, "provider", textAt);
}

function refuseModalities(body: Json): void {
  const modalities = read(body, "modalities", listAt) ?? [];
  if (modalities.some((modality) => modality !== "text")) throw unsupportedField("modalities", "answers are text");
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
    throw unsupportedField("add_generation_prompt", "false goes only with continue_final_message");
  return isContinued;
}

/** Reads `priority`: vLLM's numbers, where a lower one goes first and 0 is usual: what may wait is batch work, which has no order of its own. */
export function priorityAt(value: unknown, path: string): Priority {
  const place = integerAt(value, path);
  if (place < 0) throw unsupportedField(path, "nothing goes before other calls; send 0, or more for a call that may wait");
  return place === 0 ? Priority.UNSPECIFIED : Priority.BATCH;
}

/** Reads `stop`: one text or several. */
export function stopAt(value: unknown, path: string): string[] {
  if (typeof value === "string") return [textAt(value, path)];
  return listAt(value, path).map((item, index) => textAt(item, `${path}[${index}]`));
}

function labelsAt(value: unknown, path: string): Record<string, string> {
  const labels = Object.entries(objectAt(value, path));
  return Object.fromEntries(labels.map(([key, label]) => [key.toWellFormed(), textAt(label, `${path}.${key}`)]));
}
