import { create, type JsonObject } from "@bufbuild/protobuf";
import { ChatRequestSchema, type ChatRequest } from "../../../gen/parley/v1/chat_pb.ts";
import {
  ReasoningEffort,
  ReasoningSchema,
  ResponseFormatSchema,
  Role,
  type Reasoning,
  type ResponseFormat,
} from "../../../gen/parley/v1/messages_pb.ts";
import { SamplingSchema, type Sampling } from "../../../gen/parley/v1/sampling_pb.ts";
import { invalidField, unsupportedField } from "../../core/reasons.ts";
import {
  booleanAt,
  defined,
  integerAt,
  jsonTextAt,
  listAt,
  numberAt,
  objectAt,
  oneOf,
  present,
  read,
  readAt,
  required,
  textAt,
  type Json,
} from "../openai/read.ts";
import { cacheControlAt, messagesFromAnthropic } from "./blocks.ts";
import { toolChoiceFromAnthropic, toolsFromAnthropic } from "./tools.ts";

/** A request for a message: what is asked, and how the answer is to be written. */
export interface AnthropicRequest {
  readonly request: ChatRequest;
  /** Whether the answer is a stream of events. */
  readonly stream: boolean;
  /** Where in the body each of the request's messages came from, such as `messages[2]`: one message there may be several here. */
  readonly places: readonly string[];
  /** Whether thinking is told by its signature alone. */
  readonly isThinkingOmitted: boolean;
}

/** Fields that are known and cannot be honoured, and why; each would change what the answer is. `context_management` is not among them: it saves tokens by leaving out what the model has read already. */
const refusals: Readonly<Record<string, string>> = {
  thread: "no conversation is kept here; send all of it",
  container: "nothing is run for the model",
  mcp_servers: "the caller runs the tools",
  diagnostics: "nothing is told of caches beside the usage",
  compaction: "nobody here sums conversations up; ask for it in a message",
  fallbacks: "which model stands in for another is configured here",
  fallback_credit_token: "nothing is billed here",
  billing_policy: "nothing is billed here",
};

/** Reads the body of `POST /v1/messages`, of all versions of the API. Every known field is mapped, or refused by name; fields that nobody knows are ignored. */
export function chatRequestFromAnthropic(json: unknown): AnthropicRequest {
  const body = objectAt(json, "body");
  const { fields, places, isThinkingOmitted } = promptAt(body);
  const request = create(
    ChatRequestSchema,
    defined({
      ...fields,
      maxTokens: integerAt(required(body, "max_tokens", ""), "max_tokens"),
      sampling: samplingAt(body),
      stop: read(body, "stop_sequences", textsAt),
      endUserId: read(body, "metadata", (value, path) => readAt(objectAt(value, path), { at: `${path}.`, name: "user_id" }, textAt)),
    }),
  );
  return { request, stream: read(body, "stream", booleanAt) ?? false, places, isThinkingOmitted };
}

/** Reads the body of `POST /v1/messages/count_tokens`: a message's, without what is no part of its prompt. */
export function countRequestFromAnthropic(json: unknown): Pick<AnthropicRequest, "request" | "places"> {
  const { fields, places } = promptAt(objectAt(json, "body"));
  return { request: create(ChatRequestSchema, defined(fields)), places };
}

/** What becomes part of the prompt, or says how it is made. */
function promptAt(body: Json) {
  for (const [name, because] of Object.entries(refusals)) if (present(body, name) !== undefined) throw unsupportedField(name, because);
  if (present(body, "speed") !== undefined) read(body, "speed", speedAt);
  const { messages, places } = messagesFromAnthropic(body);
  const choice = read(body, "tool_choice", toolChoiceFromAnthropic);
  const fields = {
    model: textAt(required(body, "model", ""), "model"),
    messages,
    tools: read(body, "tools", toolsFromAnthropic),
    toolChoice: choice?.toolChoice,
    parallelToolCalls: choice?.parallelToolCalls,
    reasoning: reasoningAt(body),
    responseFormat: read(body, "output_config", formatAt) ?? read(body, "output_format", formatOf),
    providerOptions: providerOptions(body),
    // A message of the assistant's at the end is always gone on from here.
    continueFinalMessage: messages.at(-1)?.role === Role.ASSISTANT,
  };
  const display = read(body, "thinking", (value, path) => readAt(objectAt(value, path), { at: `${path}.`, name: "display" }, displayOf));
  return { fields, places, isThinkingOmitted: display === "omitted" };
}

const displayOf = oneOf({ summarized: "summarized", omitted: "omitted" });

function speedAt(value: unknown, path: string): void {
  if (textAt(value, path) !== "standard") throw unsupportedField(path, "there is one speed, standard");
}

function textsAt(value: unknown, path: string): string[] {
  return listAt(value, path).map((item, index) => textAt(item, `${path}[${index}]`));
}

function samplingAt(body: Json): Sampling | undefined {
  const given = defined({
    temperature: read(body, "temperature", numberAt),
    topP: read(body, "top_p", numberAt),
    topK: read(body, "top_k", integerAt),
  });
  return Object.keys(given).length === 0 ? undefined : create(SamplingSchema, given);
}

const effortOf = oneOf({
  low: ReasoningEffort.LOW,
  medium: ReasoningEffort.MEDIUM,
  high: ReasoningEffort.HIGH,
  xhigh: ReasoningEffort.XHIGH,
  max: ReasoningEffort.MAX,
});

/** An effort alone means thinking too: no other API has one without the other. */
function reasoningAt(body: Json): Reasoning | undefined {
  const effort = read(body, "output_config", (value, path) => readAt(objectAt(value, path), { at: `${path}.`, name: "effort" }, effortOf));
  const thinking = read(body, "thinking", objectAt);
  if (thinking === undefined) return effort === undefined ? undefined : create(ReasoningSchema, { effort });
  const type = textAt(required(thinking, "type", "thinking."), "thinking.type");
  switch (type) {
    case "disabled":
      return create(ReasoningSchema, { effort: ReasoningEffort.NONE });
    case "adaptive":
      // The API's own default.
      return create(ReasoningSchema, { effort: effort ?? ReasoningEffort.HIGH });
    case "enabled": {
      const budgetTokens = integerAt(required(thinking, "budget_tokens", "thinking."), "thinking.budget_tokens");
      if (budgetTokens < 1) throw invalidField("thinking.budget_tokens", "is below 1; to think not at all is type disabled");
      return create(ReasoningSchema, { budgetTokens, ...(effort !== undefined && { effort }) });
    }
    default:
      throw unsupportedField("thinking.type", `${JSON.stringify(type.slice(0, 64))} is none of enabled, disabled, adaptive`);
  }
}

function formatAt(value: unknown, path: string): ResponseFormat | undefined {
  return readAt(objectAt(value, path), { at: `${path}.`, name: "format" }, formatOf);
}

function formatOf(value: unknown, path: string): ResponseFormat {
  const format = objectAt(value, path);
  const at = `${path}.`;
  if (required(format, "type", at) !== "json_schema") throw invalidField(`${at}type`, "is not json_schema");
  const schema = jsonTextAt(required(format, "schema", at), `${at}schema`);
  return create(ResponseFormatSchema, { format: { case: "jsonSchema", value: { name: "answer", schema } } });
}

const tierOf = oneOf({ auto: "auto", standard_only: "standard_only" });

/** What only upstreams that speak this format know. */
function providerOptions(body: Json): JsonObject | undefined {
  const anthropic = defined({
    service_tier: read(body, "service_tier", tierOf),
    inference_geo: read(body, "inference_geo", textAt),
    cache_control: read(body, "cache_control", cacheControlAt),
  });
  return Object.keys(anthropic).length === 0 ? undefined : { anthropic: anthropic as JsonObject };
}
