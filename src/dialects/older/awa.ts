import { create } from "@bufbuild/protobuf";
import { ChatRequestSchema, type ChatRequest, type ChatResponse } from "../../../gen/parley/v1/chat_pb.ts";
import { Role } from "../../../gen/parley/v1/messages_pb.ts";
import type { Concession } from "../../core/concessions.ts";
import { invalidField } from "../../core/reasons.ts";
import { integerAt, numberAt, objectAt, read, required, textAt } from "../openai/read.ts";
import { answerText } from "./answer-text.ts";
import { messageSaying } from "./message-saying.ts";
import type { AwaCompletion } from "./wire/awa.ts";

/** Reads the body of `POST /llm`: a prompt that the model goes on from, as it stands. Throws `invalid_request`. */
export function chatRequestFromAwa(json: unknown): ChatRequest {
  const body = objectAt(json, "body");
  const prompt = textAt(required(body, "prompt", ""), "prompt");
  if (prompt === "") throw invalidField("prompt", "is empty");
  const maxTokens = read(body, "max_tokens", integerAt);
  const temperature = read(body, "temperature", numberAt);
  return create(ChatRequestSchema, {
    rawPrompt: { prompt: { case: "text", value: prompt } },
    ...(maxTokens !== undefined && { maxTokens }),
    ...(temperature !== undefined && { sampling: { temperature } }),
  });
}

/** Upstreams that take conversations alone are asked the prompt as a question. */
export const promptAsQuestion: Concession = {
  field: "raw_prompt",
  instead(request) {
    const { rawPrompt, ...rest } = request;
    return rawPrompt?.prompt.case === "text" ? { ...rest, messages: [messageSaying(Role.USER, rawPrompt.prompt.value)] } : request;
  },
};

/** What the caller of `POST /llm` calls a field of ours. */
export function awaParam(field: string): string {
  if (/^(raw_prompt|messages)\b/.test(field)) return "prompt";
  return field.replace(/^sampling\./, "");
}

/** The answer of `POST /llm`. */
export function chatResponseToAwa(response: ChatResponse): AwaCompletion {
  return { completion: answerText(response) };
}
