import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { ChatRequestSchema, type RawPromptSchema, type ChatRequest } from "../../../gen/parley/v1/chat_pb.ts";
import {
  MessageSchema,
  ReasoningEffort,
  ReasoningSchema,
  ResponseFormatSchema,
  Role,
  type Message,
  type Reasoning,
  type ResponseFormat,
  type Tool,
} from "../../../gen/parley/v1/messages_pb.ts";
import { invalidField, unsupportedField } from "../../core/reasons.ts";
import { booleanAt, defined, integerAt, jsonTextAt, listAt, objectAt, oneOf, present, read, textAt, type Json } from "../openai/read.ts";
import { toolsFromOpenAI } from "../openai/tools.ts";
import { askedLoad, askedStay, serverOptions, type AskedLoad } from "./load.ts";
import { imagesFromOllama, messagesFromOllama, type PartInit } from "./messages.ts";
import { modelAt } from "./names.ts";

/** A request of an Ollama client: what is asked, and how the answer is to be written. */
export interface OllamaRequest {
  readonly request: ChatRequest;
  /** Whether the answer is a stream of lines, as it is unless another is said. */
  readonly stream: boolean;
  /** What is to be done with the model, where nothing is asked of it. */
  readonly load: AskedLoad | undefined;
  /** For how long the model is to stay once it has answered; undefined: as it was. */
  readonly stay: number | undefined;
}

/**
 * Reads the body of `POST /api/chat`. Every known field is mapped, or refused by name; fields that nobody knows are ignored. An assistant's message at the end is answered:
 * whether Ollama itself would go on from it is up to a model's template.
 */
export function chatRequestFromOllama(json: unknown): OllamaRequest {
  const body = objectAt(json, "body");
  const messages = messagesFromOllama(present(body, "messages") ?? []);
  return asked(body, { messages, tools: read(body, "tools", toolsAt) }, messages.length === 0);
}

/**
 * Reads the body of `POST /api/generate`: a raw prompt where it says so, the two sides of a gap where there is a suffix, else a conversation of one question.
 * What clients fill in and do not use is empty.
 */
export function generateRequestFromOllama(json: unknown): OllamaRequest {
  const body = objectAt(json, "body");
  const text = (name: string) => read(body, name, textAt) ?? "";
  if (text("template") !== "") throw unsupportedField("template", "the model's own template is used");
  if ((read(body, "context", listAt) ?? []).length > 0) throw unsupportedField("context", "send the conversation to /api/chat");
  const question = { prompt: text("prompt"), system: text("system"), images: imagesFromOllama(body, "") };
  const isRaw = read(body, "raw", booleanAt) ?? false;
  const suffix = text("suffix");
  if (isRaw || suffix !== "") return asked(body, { rawPrompt: plainPrompt(question, suffix, isRaw) }, question.prompt + suffix === "");
  return asked(body, { messages: conversation(question) }, question.prompt === "" && question.images.length === 0);
}

function plainPrompt({ prompt, system, images }: Question, suffix: string, isRaw: boolean): RawPromptInit {
  const because = isRaw ? "a raw prompt is text alone" : "a gap is filled from the text around it alone";
  if (images.length > 0) throw unsupportedField("images", because);
  if (system !== "") throw unsupportedField("system", because);
  return { prompt: { case: "text", value: prompt }, ...(suffix !== "" && { suffix }) };
}

interface Question {
  readonly prompt: string;
  readonly system: string;
  readonly images: PartInit[];
}

function conversation({ prompt, system, images }: Question): Message[] {
  const text = (value: string): PartInit[] => (value === "" ? [] : [{ part: { case: "text", value: { text: value } } }]);
  const before = system === "" ? [] : [create(MessageSchema, { role: Role.SYSTEM, parts: text(system) })];
  return [...before, create(MessageSchema, { role: Role.USER, parts: [...text(prompt), ...images] })];
}

/** Tools as OpenAI has them; what kind they are need not be said. */
function toolsAt(value: unknown, path: string): Tool[] {
  const tools = listAt(value, path).map((tool, index) => {
    const told = objectAt(tool, `${path}[${index}]`);
    return present(told, "type") === undefined ? { ...told, type: "function" } : told;
  });
  return toolsFromOpenAI(tools);
}

type RawPromptInit = MessageInitShape<typeof RawPromptSchema>;

interface Said {
  readonly messages?: Message[];
  readonly tools?: Tool[] | undefined;
  readonly rawPrompt?: RawPromptInit;
}

function asked(body: Json, { messages, tools, rawPrompt }: Said, isEmpty: boolean): OllamaRequest {
  const { options: told, keepAlive, passed } = serverOptions(body);
  const { options, ...given } = told;
  const request = create(
    ChatRequestSchema,
    defined({
      ...given,
      model: modelAt(body),
      messages,
      tools,
      rawPrompt,
      responseFormat: read(body, "format", formatAt),
      reasoning: read(body, "think", thinkAt),
      topLogprobs: topLogprobs(body),
      providerOptions: Object.keys(passed).length === 0 ? undefined : { ollama: passed },
    }),
  );
  const stream = read(body, "stream", booleanAt) ?? true;
  if (isEmpty) return { request, stream, load: askedLoad(keepAlive, options), stay: undefined };
  return { request, stream, load: undefined, stay: askedStay(keepAlive) };
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
  if (top !== undefined && top < 0) throw invalidField("top_logprobs", `${top} is below 0`);
  if (!isWanted && (top ?? 0) > 0) throw invalidField("top_logprobs", "needs logprobs to be true");
  return isWanted ? (top ?? 0) : undefined;
}
