import { create, type JsonObject } from "@bufbuild/protobuf";
import { ChatRequestSchema, type ChatRequest } from "../../../gen/parley/v1/chat_pb.ts";
import {
  ReasoningEffort,
  ReasoningSchema,
  ResponseFormatSchema,
  type Message,
  type Reasoning,
  type ResponseFormat,
  type Tool,
} from "../../../gen/parley/v1/messages_pb.ts";
import { invalidField, unsupportedField } from "../../core/reasons.ts";
import { booleanAt, defined, integerAt, jsonTextAt, objectAt, oneOf, present, read, required, textAt, type Json } from "../openai/read.ts";
import { toolsFromOpenAI } from "../openai/tools.ts";
import { messagesFromOllama } from "./messages.ts";
import { optionsFromOllama } from "./options.ts";

/** A request of an Ollama client: what is asked, and how the answer is to be written. */
export interface OllamaRequest {
  readonly request: ChatRequest;
  /** Whether the answer is a stream of lines, as it is unless another is said. */
  readonly stream: boolean;
}

/**
 * Reads the body of `POST /api/chat`. Every known field is mapped, or refused by name; fields that nobody knows are ignored. An assistant's message at the end is answered:
 * whether Ollama itself would go on from it is up to a model's template.
 */
export function chatRequestFromOllama(json: unknown): OllamaRequest {
  const body = objectAt(json, "body");
  const messages = messagesFromOllama(required(body, "messages", ""));
  return asked(body, { messages, tools: read(body, "tools", toolsFromOpenAI) });
}

/** Fields of `/api/generate` that cannot be honoured. */
const refusals: Readonly<Record<string, string>> = {
  template: "the model's own template is used",
  context: "send the conversation to /api/chat",
  suffix: "it goes with the model's own template for gaps, which is not known here",
};

/** Reads the body of `POST /api/generate`: a raw prompt where it says so, else a conversation of one question. */
export function generateRequestFromOllama(json: unknown): OllamaRequest {
  const body = objectAt(json, "body");
  for (const [name, because] of Object.entries(refusals)) if (isGiven(present(body, name))) throw unsupportedField(name, because);
  const prompt = textAt(required(body, "prompt", ""), "prompt");
  if (read(body, "raw", booleanAt) === true) {
    if (isGiven(present(body, "images"))) throw unsupportedField("images", "a raw prompt is text");
    return asked(body, { rawPrompt: { prompt: { case: "text", value: prompt } } });
  }
  const system = read(body, "system", textAt) ?? "";
  const question = { role: "user", content: prompt, images: present(body, "images") };
  return asked(body, { messages: messagesFromOllama([...(system === "" ? [] : [{ role: "system", content: system }]), question]) });
}

/** Clients fill in what they do not use. */
function isGiven(value: unknown): boolean {
  return value !== undefined && value !== "" && !(Array.isArray(value) && value.length === 0);
}

interface Said {
  readonly messages?: Message[];
  readonly tools?: Tool[] | undefined;
  readonly rawPrompt?: { readonly prompt: { readonly case: "text"; readonly value: string } };
}

function asked(body: Json, { messages, tools, rawPrompt }: Said): OllamaRequest {
  const { options, ...given } = optionsFromOllama(body);
  const request = create(
    ChatRequestSchema,
    defined({
      ...given,
      model: textAt(required(body, "model", ""), "model"),
      messages,
      tools,
      rawPrompt,
      responseFormat: read(body, "format", formatAt),
      reasoning: read(body, "think", thinkAt),
      topLogprobs: topLogprobs(body),
      providerOptions: providerOptions(body, options),
    }),
  );
  return { request, stream: read(body, "stream", booleanAt) ?? true };
}

function formatAt(value: unknown, path: string): ResponseFormat | undefined {
  if (value === "") return undefined;
  if (value === "json") return create(ResponseFormatSchema, { format: { case: "jsonObject", value: {} } });
  if (typeof value === "string") throw invalidField(path, `${JSON.stringify(value.slice(0, 64))} is neither "json" nor a schema`);
  return create(ResponseFormatSchema, { format: { case: "jsonSchema", value: { name: "answer", schema: jsonTextAt(value, path) } } });
}

const levelOf = oneOf({
  low: ReasoningEffort.LOW,
  medium: ReasoningEffort.MEDIUM,
  high: ReasoningEffort.HIGH,
  max: ReasoningEffort.MAX,
});

/** Thinking that is only switched on is some of it. */
function thinkAt(value: unknown, path: string): Reasoning {
  if (typeof value === "string") return create(ReasoningSchema, { effort: levelOf(value, path) });
  return create(ReasoningSchema, { effort: booleanAt(value, path) ? ReasoningEffort.MEDIUM : ReasoningEffort.NONE });
}

function topLogprobs(body: Json): number | undefined {
  const top = read(body, "top_logprobs", integerAt);
  const isWanted = read(body, "logprobs", booleanAt) ?? false;
  if (!isWanted && (top ?? 0) > 0) throw invalidField("top_logprobs", "needs logprobs to be true");
  return isWanted ? (top ?? 0) : undefined;
}

/** What only upstreams that speak this format know. */
function providerOptions(body: Json, options: JsonObject): JsonObject | undefined {
  const keepAlive = present(body, "keep_alive");
  if (keepAlive !== undefined && typeof keepAlive !== "string" && typeof keepAlive !== "number")
    throw invalidField("keep_alive", "is neither a number nor a time");
  const ollama: JsonObject = { ...options, ...(keepAlive !== undefined && { keep_alive: keepAlive }) };
  return Object.keys(ollama).length === 0 ? undefined : { ollama };
}
