import { Type, type Static } from "typebox";
import { ChatFinish, ReasoningDetail } from "./chat-answer.ts";
import { ErrorBody } from "./errors.ts";
import { ChoiceLogprobs } from "./logprobs.ts";
import { orNull } from "./shapes.ts";
import { CompletionUsage } from "./usage.ts";

/** A tool call or a piece of one: what is new of it, for clients join what they get. */
export const ToolCallPiece = Type.Object({
  index: Type.Integer(),
  id: Type.Optional(Type.String()),
  type: Type.Optional(Type.Literal("function")),
  function: Type.Object({ name: Type.Optional(Type.String()), arguments: Type.String() }),
});
/** A tool call or a piece of one. */
export type ToolCallPiece = Static<typeof ToolCallPiece>;

/** What is new of a message. Nothing in it is null: clients join their texts, and one of them fails on a null among them. */
export const ChatDelta = Type.Object({
  role: Type.Optional(Type.Literal("assistant")),
  content: Type.Optional(Type.String()),
  refusal: Type.Optional(Type.String()),
  tool_calls: Type.Optional(Type.Array(ToolCallPiece)),
  reasoning_content: Type.Optional(Type.String()),
  reasoning: Type.Optional(Type.String()),
  reasoning_details: Type.Optional(Type.Array(ReasoningDetail)),
});
/** What is new of a message. */
export type ChatDelta = Static<typeof ChatDelta>;

/** A piece of an answer to a chat. */
export const ChatCompletionChunk = Type.Object({
  id: Type.String(),
  object: Type.Literal("chat.completion.chunk"),
  created: Type.Integer(),
  model: Type.String(),
  service_tier: Type.Null(),
  system_fingerprint: Type.Optional(Type.String()),
  moderation: Type.Null(),
  choices: Type.Array(
    Type.Object({ index: Type.Integer(), delta: ChatDelta, logprobs: orNull(ChoiceLogprobs), finish_reason: orNull(ChatFinish) }),
  ),
  usage: Type.Optional(orNull(CompletionUsage)),
  obfuscation: Type.Optional(Type.String({ description: "Padding, where it was asked for." })),
});
/** A piece of an answer to a chat. */
export type ChatCompletionChunk = Static<typeof ChatCompletionChunk>;

/** One event of a streamed chat: a piece of the answer, or what it failed with. `[DONE]` ends it. */
export const ChatStreamEvent = Type.Union([ChatCompletionChunk, ErrorBody]);
/** One event of a streamed chat. */
export type ChatStreamEvent = Static<typeof ChatStreamEvent>;
