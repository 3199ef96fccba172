import { create, type JsonObject } from "@bufbuild/protobuf";
import { ChatRequestSchema, type ChatRequest } from "../../../gen/parley/v1/chat_pb.ts";
import { ResponseFormatSchema, Role, type ResponseFormat } from "../../../gen/parley/v1/messages_pb.ts";
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
  structAt,
  textAt,
  type Json,
} from "../openai/read.ts";
import { cacheControlAt, messagesFromAnthropic } from "./blocks.ts";
import { checkBudget, isOmitted, ownOptions, reasoningOf, thinkingAt, type OwnThinking } from "./thinking.ts";
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

/** Fields that are known and cannot be honoured, and why; each would change what the answer is. */
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

/** Reads the body of `POST /v1/messages`, of all versions of the API, and the betas that its header asks for. Every known field is mapped, or refused by name; fields that nobody knows are ignored. */
export function chatRequestFromAnthropic(json: unknown, betas: readonly string[] = []): AnthropicRequest {
  const body = objectAt(json, "body");
  const own = thinkingAt(body);
  const { fields, places } = promptAt(body, own, betas);
  const maxTokens = integerAt(required(body, "max_tokens", ""), "max_tokens");
  checkBudget(own, maxTokens, betas);
  const request = create(
    ChatRequestSchema,
    defined({
      ...fields,
      maxTokens,
      sampling: samplingAt(body),
      stop: read(body, "stop_sequences", textsAt),
      endUserId: read(body, "metadata", (value, path) => readAt(objectAt(value, path), { at: `${path}.`, name: "user_id" }, textAt)),
    }),
  );
  return { request, stream: read(body, "stream", booleanAt) ?? false, places, isThinkingOmitted: isOmitted(own) };
}

/** Reads the body of `POST /v1/messages/count_tokens`: a message's, without what is no part of its prompt. */
export function countRequestFromAnthropic(json: unknown): Pick<AnthropicRequest, "request" | "places"> {
  const body = objectAt(json, "body");
  const { fields, places } = promptAt(body, thinkingAt(body));
  return { request: create(ChatRequestSchema, defined(fields)), places };
}

/** What becomes part of the prompt, or says how it is made. */
function promptAt(body: Json, own: OwnThinking, betas: readonly string[] = []) {
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
    reasoning: reasoningOf(own),
    responseFormat: read(body, "output_config", formatAt) ?? read(body, "output_format", formatOf),
    providerOptions: providerOptions(body, own, betas),
    // A message of the assistant's at the end is always gone on from here.
    continueFinalMessage: messages.at(-1)?.role === Role.ASSISTANT,
  };
  return { fields, places };
}

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

/** Characters of `context_management`, as JSON: it has a few rules, and names tools at most. */
const mostManagement = 16_384;

/** What models of Anthropic's are to forget of a long conversation; all others read all of it. */
function managementAt(value: unknown, path: string): JsonObject {
  const management = structAt(value, path);
  const { length } = JSON.stringify(management);
  if (length > mostManagement) throw invalidField(path, `has ${length} characters; at most ${mostManagement} are passed on`);
  return management;
}

/** What only upstreams that speak this format know. */
function providerOptions(body: Json, own: OwnThinking, betas: readonly string[]): JsonObject | undefined {
  const anthropic = defined({
    service_tier: read(body, "service_tier", tierOf),
    inference_geo: read(body, "inference_geo", textAt),
    cache_control: read(body, "cache_control", cacheControlAt),
    context_management: read(body, "context_management", managementAt),
    betas: betas.length === 0 ? undefined : betas,
    ...ownOptions(own),
  });
  return Object.keys(anthropic).length === 0 ? undefined : { anthropic: anthropic as JsonObject };
}
