import { create } from "@bufbuild/protobuf";
import { ChatRequestSchema, type ChatRequest } from "../../../../gen/parley/v1/chat_pb.ts";
import { ReasoningEffort, ReasoningSchema, type Reasoning } from "../../../../gen/parley/v1/messages_pb.ts";
import { invalidField, unsupportedField } from "../../../core/reasons.ts";
import { providerOptionsFromOpenAI } from "../passed.ts";
import { booleanAt, defined, integerAt, listAt, objectAt, oneOf, present, read, readAt, required, textAt, type Json } from "../read.ts";
import { samplingFromOpenAI } from "../sampling.ts";
import { messagesFromInput, type Place } from "./input.ts";
import { refuseUnsupported } from "./refusals.ts";
import { toldOf } from "./told.ts";
import { formatAt, toolChoiceAt, toolsAt } from "./tools.ts";
import { includable } from "./wire/request.ts";
import type { Told } from "./wire/response.ts";

/** How the answer to a body of `/v1/responses` is to be written. */
export interface ResponseOptions {
  /** What the answer repeats of the body. */
  readonly told: Told;
  /** Whether thinking is told as its summary rather than as itself. */
  readonly isSummaryWanted: boolean;
  /** Whether all thinking is told in the form that comes back whole, and not only what must. */
  readonly isSealWanted: boolean;
  /** Whether deltas of a stream are padded. */
  readonly isPadded: boolean;
}

/** What a body of `/v1/responses` asks for. */
export interface AskedResponse extends ResponseOptions {
  readonly request: ChatRequest;
  readonly isStream: boolean;
  /** Where in the body the messages came from. */
  readonly places: readonly Place[];
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

const retentionOf = oneOf({ in_memory: "in_memory", "24h": "24h" });

/** Reads the body of `POST /v1/responses`. Every known field is mapped, or refused by name; others are ignored. Throws `invalid_request` and `unsupported_field`. */
export function responseRequestFromOpenAI(value: unknown): AskedResponse {
  const body = objectAt(value, "body");
  refuseUnsupported(body);
  const included = includedIn(body);
  const { messages, places } = messagesFromInput(body);
  const request = create(ChatRequestSchema, {
    model: modelOf(body),
    messages: [...messages],
    metadata: read(body, "metadata", labelsAt) ?? {},
    ...fields(body),
    ...defined({ topLogprobs: topLogprobs(body, included) }),
  });
  return {
    request,
    places,
    isStream: read(body, "stream", booleanAt) ?? false,
    isPadded: isPadded(body),
    isSummaryWanted: isSummaryWanted(body),
    isSealWanted: included.has("reasoning.encrypted_content"),
    told: toldOf(body),
  };
}

function fields(body: Json) {
  const mostCalls = read(body, "max_tool_calls", integerAt);
  if (mostCalls !== undefined && mostCalls < 1) throw invalidField("max_tool_calls", `${mostCalls} is below 1`);
  return defined({
    sampling: samplingFromOpenAI(body),
    maxTokens: read(body, "max_output_tokens", integerAt),
    tools: read(body, "tools", toolsAt),
    toolChoice: read(body, "tool_choice", toolChoiceAt),
    parallelToolCalls: read(body, "parallel_tool_calls", booleanAt),
    responseFormat: textFormat(body),
    reasoning: reasoning(body),
    endUserId: read(body, "safety_identifier", textAt) ?? read(body, "user", textAt),
    promptCacheKey: read(body, "prompt_cache_key", textAt),
    provider: read(body, "provider", textAt),
    providerOptions: passedOptions(body),
  });
}

/** No model is the default here: clients of this route always name one, and a body without it is a mistake. */
function modelOf(body: Json): string {
  const model = textAt(required(body, "model", ""), "model");
  if (model === "") throw invalidField("model", "is empty");
  return model;
}

const verbosityOf = oneOf({ low: "low", medium: "medium", high: "high" });

/** What upstreams named `openai` are told of cost and storage, and of how long the answer may be. */
function passedOptions(body: Json) {
  const { service_tier, store, prompt_cache_options } = body;
  const text = read(body, "text", objectAt) ?? {};
  return providerOptionsFromOpenAI({
    service_tier,
    store,
    prompt_cache_options,
    // Read here for the path that an error names.
    verbosity: readAt(text, { at: "text.", name: "verbosity" }, verbosityOf),
    prompt_cache_retention: read(body, "prompt_cache_retention", retentionOf),
  });
}

function textFormat(body: Json) {
  const text = read(body, "text", objectAt);
  return text === undefined ? undefined : readAt(text, { at: "text.", name: "format" }, formatAt);
}

function reasoning(body: Json): Reasoning | undefined {
  const given = read(body, "reasoning", objectAt);
  const effort = given === undefined ? undefined : readAt(given, { at: "reasoning.", name: "effort" }, effortOf);
  return effort === undefined ? undefined : create(ReasoningSchema, { effort });
}

const summaryOf = oneOf({ auto: "auto", concise: "concise", detailed: "detailed" });

function isSummaryWanted(body: Json): boolean {
  const given = read(body, "reasoning", objectAt) ?? {};
  const name = present(given, "summary") === undefined ? "generate_summary" : "summary";
  const wanted = readAt(given, { at: "reasoning.", name }, summaryOf);
  if (wanted === "concise") throw unsupportedField(`reasoning.${name}`, "thinking is told as it is; send auto");
  return wanted !== undefined;
}

const includableWord = oneOf(Object.fromEntries(includable.map((word) => [word, word])));

function includedIn(body: Json): ReadonlySet<string> {
  const words = read(body, "include", listAt) ?? [];
  return new Set(words.map((word, index) => includableWord(word, `include[${index}]`)));
}

function topLogprobs(body: Json, included: ReadonlySet<string>): number | undefined {
  const top = read(body, "top_logprobs", integerAt);
  return included.has("message.output_text.logprobs") || (top ?? 0) !== 0 ? (top ?? 0) : undefined;
}

function isPadded(body: Json): boolean {
  const options = read(body, "stream_options", objectAt);
  return (options && readAt(options, { at: "stream_options.", name: "include_obfuscation" }, booleanAt)) ?? false;
}

function labelsAt(value: unknown, path: string): Record<string, string> {
  const labels = Object.entries(objectAt(value, path));
  return Object.fromEntries(labels.map(([key, label]) => [key.toWellFormed(), textAt(label, `${path}.${key}`)]));
}
