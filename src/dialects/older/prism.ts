import type { ChatResponse } from "../../../gen/parley/v1/chat_pb.ts";
import type { Usage } from "../../../gen/parley/v1/usage_pb.ts";
import { unsupportedField } from "../../core/reasons.ts";
import { chatRequestFromOpenAI, type OpenAIChatRequest } from "../openai/request.ts";
import { finishReasonToOpenAI } from "../openai/response.ts";
import { answerText } from "./answer-text.ts";
import type { PrismAnswer, PrismUsage } from "./wire/prism.ts";

/** Reads the body of `POST /v1/chat`: an OpenAI body whose answer is one text. Throws `invalid_request` and `unsupported_field`. */
export function chatRequestFromPrism(json: unknown): OpenAIChatRequest {
  const asked = chatRequestFromOpenAI(json);
  const { choices = 1, tools } = asked.request;
  // Its answer has one text: what would be left out of it is refused.
  if (choices > 1) throw unsupportedField("n", "an answer here is one text; send the call to /v1/chat/completions");
  if (tools.length > 0) throw unsupportedField("tools", "an answer here is a text; send the call to /v1/chat/completions");
  if (asked.request.topLogprobs !== undefined)
    throw unsupportedField("logprobs", "an answer here tells none; send the call to /v1/chat/completions");
  return asked;
}

/** The whole answer of `POST /v1/chat`. */
export function chatResponseToPrism(response: ChatResponse): PrismAnswer {
  const { id, model, choices, usage } = response;
  return {
    id,
    model,
    content: answerText(response),
    role: "assistant",
    finish_reason: finishReasonToOpenAI(choices[0]?.reason ?? 0, false),
    usage: usage === undefined ? null : usageToPrism(usage),
  };
}

/** Tokens read and written. */
export function usageToPrism({ promptTokens, completionTokens }: Usage): PrismUsage {
  return { prompt_tokens: promptTokens, completion_tokens: completionTokens, total_tokens: promptTokens + completionTokens };
}
