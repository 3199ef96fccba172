import type { ChatRequest } from "../../../../gen/parley/v1/chat_pb.ts";
import { ReasoningEffort, Role, type Reasoning } from "../../../../gen/parley/v1/messages_pb.ts";
import { invalidField, unsupportedField } from "../../../core/reasons.ts";
import { wireMessages } from "./messages.ts";
import type { Quirks } from "./quirks.ts";
import { addSampling } from "./sampling.ts";
import { addFormat, addTools } from "./tools.ts";
import type { WireChat, WireCommon, WireEffort, WirePrompt } from "./wire.ts";

/** How a body is written. */
export interface BodyOptions {
  readonly isStream: boolean;
}

/** Body of `POST /chat/completions`. Fields that the upstream's table refuses are taken as absent; throws for what only a look at the values shows. */
export function chatBody(request: ChatRequest, quirks: Quirks, options: BodyOptions): WireChat {
  const body: WireChat = { ...named(request), messages: wireMessages(request.messages, quirks) };
  addCommon(body, request, { quirks, ...options });
  if (request.maxTokens !== undefined) body[quirks.tokenLimit] = request.maxTokens;
  addTools(body, request, quirks);
  if (request.responseFormat !== undefined) addFormat(body, request.responseFormat, quirks);
  addLogprobs(body, request);
  if (request.reasoning !== undefined) addReasoning(body, request.reasoning, quirks);
  if (request.promptCacheKey !== "" && quirks.promptCacheKey === "sent") body.prompt_cache_key = request.promptCacheKey;
  addTemplateOptions(body, request);
  addContinuation(body, request, quirks);
  if (quirks.requiredParameters === "provider" && (body.logprobs === true || isShaped(body)))
    Object.assign(body, { provider: { require_parameters: true } });
  return body;
}

function isShaped({ response_format: format }: WireChat): boolean {
  return format !== undefined && format.type !== "text";
}

/** Servers of one model take a request without a name. */
function named({ model }: ChatRequest): { model?: string } {
  return model === "" ? {} : { model };
}

interface Writing extends BodyOptions {
  readonly quirks: Quirks;
}

function addCommon(body: WireCommon, request: ChatRequest, { quirks, isStream }: Writing): void {
  if (isStream) body.stream = true;
  if (isStream && quirks.streamUsage === "sent") body.stream_options = { include_usage: true };
  if (request.sampling !== undefined) addSampling(body, request.sampling, quirks);
  if (request.stop.length > 0) body.stop = stops(request.stop, quirks);
  if (request.choices !== undefined) addChoices(body, request.choices, quirks);
  if (request.endUserId !== "" && quirks.endUser !== "dropped") body[quirks.endUser] = request.endUserId;
  addLength(body, request);
}

/** vLLM's names, of which llama-server knows the second. */
function addLength(body: WireCommon & { min_tokens?: number; ignore_eos?: boolean }, { minTokens, ignoreEos }: ChatRequest): void {
  if (minTokens !== undefined) body.min_tokens = minTokens;
  if (ignoreEos !== undefined) body.ignore_eos = ignoreEos;
}

function stops(texts: readonly string[], { mostStops }: Quirks): string[] {
  if (texts.length > Number(mostStops)) throw unsupportedField("stop", `this upstream takes ${mostStops} stop texts at most`);
  return [...texts];
}

/** One answer is what every upstream gives. */
function addChoices(body: WireCommon, choices: number, quirks: Quirks): void {
  if (quirks.choices === "sent") body.n = choices;
  else if (choices > 1) throw unsupportedField("choices", "this upstream gives one answer a call");
}

function addLogprobs(body: WireChat, { topLogprobs }: ChatRequest): void {
  if (topLogprobs === undefined) return;
  body.logprobs = true;
  // llama-server takes 0 for no logprobs at all; without the field, those that come are cut to what was asked.
  if (topLogprobs > 0) body.top_logprobs = topLogprobs;
}

const efforts: Readonly<Record<ReasoningEffort, WireEffort | undefined>> = {
  [ReasoningEffort.UNSPECIFIED]: undefined,
  [ReasoningEffort.NONE]: "none",
  [ReasoningEffort.MINIMAL]: "minimal",
  [ReasoningEffort.LOW]: "low",
  [ReasoningEffort.MEDIUM]: "medium",
  [ReasoningEffort.HIGH]: "high",
  [ReasoningEffort.XHIGH]: "xhigh",
  [ReasoningEffort.MAX]: "max",
};

function addReasoning(body: WireChat, { effort, budgetTokens }: Reasoning, quirks: Quirks): void {
  const word = efforts[effort];
  if (word !== undefined) addEffort(body, word, quirks);
  if (budgetTokens === undefined) return;
  if (quirks.reasoningBudget === "thinking_token_budget") Object.assign(body, { thinking_token_budget: budgetTokens });
  else if (word !== undefined) throw unsupportedField("reasoning.budget_tokens", "this upstream takes an effort or a budget, not both");
  else Object.assign(body, { reasoning: { max_tokens: budgetTokens } });
}

function addEffort(body: WireChat, word: WireEffort, { reasoningEffort: form }: Quirks): void {
  if (form === "reasoning_effort") body.reasoning_effort = word;
  else if (form === "reasoning") Object.assign(body, { reasoning: { effort: word } });
  else if (form === "thinking") addThinking(body, word);
  else
    Object.assign(body, {
      chat_template_kwargs: word === "none" ? { enable_thinking: false } : { enable_thinking: true, reasoning_effort: word },
    });
}

function addThinking(body: WireChat, word: WireEffort): void {
  Object.assign(body, { thinking: { type: word === "none" ? "disabled" : "enabled" } });
  if (word !== "none") body.reasoning_effort = word;
}

/** What the caller says of the template goes before what was derived from an effort. */
function addTemplateOptions(body: WireChat & { chat_template_kwargs?: object }, { chatTemplateOptions }: ChatRequest): void {
  if (chatTemplateOptions === undefined) return;
  body.chat_template_kwargs = { ...body.chat_template_kwargs, ...chatTemplateOptions };
}

function addContinuation(body: WireChat, { continueFinalMessage, messages }: ChatRequest, { continuation }: Quirks): void {
  const last = body.messages.at(-1);
  if (continuation === "native" && !continueFinalMessage && messages.at(-1)?.role === Role.ASSISTANT)
    throw unsupportedField(
      "messages",
      "this upstream goes on from an assistant message at the end; send continue_final_message, or end with another role",
    );
  if (!continueFinalMessage || last?.role !== "assistant") return;
  if (continuation === "flags") Object.assign(body, { add_generation_prompt: false, continue_final_message: true });
  if (continuation === "prefix") last.prefix = true;
}

/** Body of `POST /completions`, for a prompt that no chat template changes. */
export function promptBody(request: ChatRequest, quirks: Quirks, options: BodyOptions): WirePrompt {
  refuseForTemplate(request);
  const { rawPrompt, maxTokens, topLogprobs, responseFormat } = request;
  const prompt = rawPrompt?.prompt;
  const body: WirePrompt = { ...named(request), prompt: prompt?.case === "tokenIds" ? prompt.value.ids : (prompt?.value ?? "") };
  addCommon(body, request, { quirks, ...options });
  addLimit(body, maxTokens, quirks);
  if (rawPrompt?.echo === true) body.echo = true;
  // 0 means none at all to llama-server: those that come are cut to what was asked.
  if (topLogprobs !== undefined) body.logprobs = Math.max(1, topLogprobs);
  if (responseFormat !== undefined) addFormat(body, responseFormat, quirks);
  return body;
}

function addLimit(body: WirePrompt, maxTokens: number | undefined, { rawPrompt }: Quirks): void {
  if (maxTokens !== undefined) body.max_tokens = maxTokens;
  else if (rawPrompt === "open_completions") body.max_tokens = null;
}

/** What only a chat template would tell the model. */
function refuseForTemplate({ tools, continueFinalMessage, chatTemplateOptions, reasoning }: ChatRequest): void {
  const said: readonly (readonly [field: string, isSaid: boolean])[] = [
    ["tools", tools.length > 0],
    ["continue_final_message", continueFinalMessage],
    ["chat_template_options", Object.keys(chatTemplateOptions ?? {}).length > 0],
    ["reasoning", reasoning !== undefined],
  ];
  const field = said.find(([, isSaid]) => isSaid)?.[0];
  if (field !== undefined) throw invalidField(field, "says something to a chat template, and raw_prompt is passed without one");
}
