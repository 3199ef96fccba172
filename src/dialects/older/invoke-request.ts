import { create } from "@bufbuild/protobuf";
import { ChatRequestSchema, type ChatRequest } from "../../../gen/parley/v1/chat_pb.ts";
import { Role, type Message } from "../../../gen/parley/v1/messages_pb.ts";
import { isKey } from "../../core/callers-key.ts";
import type { Concession } from "../../core/concessions.ts";
import { fieldsFault, invalidField } from "../../core/reasons.ts";
import { integerAt, listAt, numberAt, objectAt, oneOf, present, read, required, textAt, type Json } from "../openai/read.ts";
import { messageSaying } from "./message-saying.ts";

/** A call as the service with `/invoke` was asked for it. */
export interface InvokeCall {
  readonly request: ChatRequest;
  readonly requestId: string;
  /** The caller's own key for the upstream; undefined: the operator's. */
  readonly upstreamKey: string | undefined;
  /** What the caller calls a field of ours. */
  readonly param: (field: string) => string;
}

/** Confidence is told where there are logprobs, and is no reason to refuse a call where there are none. */
export const logprobsIfAny: Concession = {
  field: "top_logprobs",
  instead(request) {
    const { topLogprobs, ...rest } = request;
    return topLogprobs === undefined ? request : rest;
  },
};

const longestId = 255;
const roleOf = oneOf({ system: Role.SYSTEM, human: Role.USER, ai: Role.ASSISTANT });

/** What a key of OpenAI's begins with, as the older service checked it. */
const keyFormat = "sk-...";

/** Reads the body of `POST /invoke`. Throws `invalid_request`; a key is in no error. */
export function invokeCallFrom(json: unknown): InvokeCall {
  const body = objectAt(json, "body");
  const requestId = filled(body, "request_id");
  if (requestId.length > longestId) throw invalidField("request_id", `is longer than ${longestId} characters`);
  const before = read(body, "system_prompt", textAt);
  const messages = [
    ...(before === undefined || before === "" ? [] : [messageSaying(Role.SYSTEM, before)]),
    ...(read(body, "messages", messagesAt) ?? []),
    messageSaying(Role.USER, filled(body, "user_prompt")),
  ];
  const maxTokens = read(body, "max_tokens", integerAt);
  const temperature = read(body, "temperature", numberAt);
  const request = create(ChatRequestSchema, {
    model: read(body, "model", textAt) ?? "",
    messages,
    topLogprobs: 0,
    ...(maxTokens !== undefined && { maxTokens }),
    ...(temperature !== undefined && { sampling: { temperature } }),
  });
  const hasFirst = before !== undefined && before !== "";
  return { request, requestId, upstreamKey: keyIn(body), param: (field) => paramOf(field, hasFirst, messages.length - 1) };
}

/** The id of a call whose body may be anything; undefined: it has none. */
export function requestIdIn(json: unknown): string | undefined {
  if (typeof json !== "object" || json === null) return undefined;
  const id = present(json as Json, "request_id");
  return typeof id === "string" && id.length <= longestId ? id.toWellFormed() : undefined;
}

function filled(body: Json, name: string): string {
  const text = textAt(required(body, name, ""), name);
  if (text === "") throw invalidField(name, "is empty");
  return text;
}

function messagesAt(value: unknown, path: string): Message[] {
  return listAt(value, path).map((item, index) => {
    const at = `${path}[${index}].`;
    const message = objectAt(item, `${path}[${index}]`);
    const role = roleOf(required(message, "type", at), `${at}type`);
    return messageSaying(role, textAt(required(message, "content", at), `${at}content`));
  });
}

function keyIn(body: Json): string | undefined {
  const key = read(body, "openai_api_key", textAt);
  if (key === undefined || key === "") return undefined;
  if (key.startsWith("sk-") && isKey(key)) return key;
  const description = `is no key: a key of OpenAI's looks like ${keyFormat}, in visible ASCII characters`;
  throw fieldsFault("invalid_request", [{ field: "openai_api_key", description }], { metadata: { expected_format: keyFormat } });
}

/** Ours are one list: the system prompt before, the user's behind. */
function paramOf(field: string, hasFirst: boolean, last: number): string {
  const index = Number(/^messages\[(\d+)\]/.exec(field)?.[1] ?? Number.NaN);
  if (Number.isNaN(index)) return field.replace(/^sampling\./, "");
  if (index === last) return "user_prompt";
  if (hasFirst && index === 0) return "system_prompt";
  return `messages[${index - (hasFirst ? 1 : 0)}].content`;
}
