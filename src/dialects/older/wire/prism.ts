import { Type, type Static } from "typebox";
import { ChatFinish } from "../../openai/wire/chat-answer.ts";
import { ChatCompletionRequest } from "../../openai/wire/chat-request.ts";
import { orNull } from "../../openai/wire/shapes.ts";
import { DetailBody } from "./detail.ts";

const { messages, model, temperature, max_tokens, top_p, stream } = ChatCompletionRequest.properties;

/** Body of `POST /v1/chat`: what the older service took. Further fields mean what they mean on `/v1/chat/completions`. */
export const PrismRequest = Type.Object({ messages, model, temperature, max_tokens, top_p, stream });
/** Body of `POST /v1/chat`. */
export type PrismRequest = Static<typeof PrismRequest>;

/** Tokens read and written. */
export const PrismUsage = Type.Object({
  prompt_tokens: Type.Integer(),
  completion_tokens: Type.Integer(),
  total_tokens: Type.Integer(),
});
/** Tokens read and written. */
export type PrismUsage = Static<typeof PrismUsage>;

/** Whole answer of `POST /v1/chat`. */
export const PrismAnswer = Type.Object({
  id: Type.String(),
  model: Type.String(),
  content: Type.String(),
  role: Type.Literal("assistant"),
  finish_reason: ChatFinish,
  usage: orNull(PrismUsage),
});
/** Whole answer of `POST /v1/chat`. */
export type PrismAnswer = Static<typeof PrismAnswer>;

/** One event of its stream. */
export const PrismChunk = Type.Object({ id: Type.String(), model: Type.String(), delta: Type.String(), finish_reason: orNull(ChatFinish) });
/** One event of its stream. */
export type PrismChunk = Static<typeof PrismChunk>;

/** What its stream consists of, `[DONE]` aside: a failure is its last event. */
export const PrismEvent = Type.Union([PrismChunk, DetailBody]);
