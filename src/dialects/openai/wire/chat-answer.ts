import { Type, type Static } from "typebox";
import { ChoiceLogprobs } from "./logprobs.ts";
import { orNull } from "./shapes.ts";
import { CompletionUsage } from "./usage.ts";

/** Why a choice of a chat ended. */
export const ChatFinish = Type.Enum(["stop", "length", "tool_calls", "content_filter"]);
/** Why a choice of a chat ended. */
export type ChatFinish = Static<typeof ChatFinish>;

/** A call that the model made. */
export const ToolCall = Type.Object({
  id: Type.String(),
  type: Type.Literal("function"),
  function: Type.Object({ name: Type.String(), arguments: Type.String({ description: "JSON, as text." }) }),
});
/** A call that the model made. */
export type ToolCall = Static<typeof ToolCall>;

/** Thinking that has to come back as it was, as OpenRouter writes it. */
export const ReasoningDetail = Type.Union([
  Type.Object({ type: Type.Literal("reasoning.text"), text: Type.String(), signature: Type.Optional(Type.String()) }),
  Type.Object({ type: Type.Literal("reasoning.encrypted"), data: Type.String({ description: "Base64." }) }),
]);
/** Thinking that has to come back as it was. */
export type ReasoningDetail = Static<typeof ReasoningDetail>;

/** What the model said. */
export const ChatMessage = Type.Object({
  role: Type.Literal("assistant"),
  content: orNull(Type.String()),
  refusal: orNull(Type.String()),
  annotations: Type.Array(Type.Unknown(), { maxItems: 0 }),
  audio: Type.Null(),
  function_call: Type.Null(),
  tool_calls: Type.Optional(Type.Array(ToolCall)),
  reasoning_content: Type.Optional(Type.String({ description: "Thinking, apart from the answer." })),
  reasoning: Type.Optional(Type.String({ description: "The same, where the operator chose this name." })),
  reasoning_details: Type.Optional(Type.Array(ReasoningDetail, { description: "Thinking that is signed or hidden; return it as it is." })),
});
/** What the model said. */
export type ChatMessage = Static<typeof ChatMessage>;

/** One answer to a chat. */
export const ChatChoice = Type.Object({
  index: Type.Integer(),
  message: ChatMessage,
  logprobs: orNull(ChoiceLogprobs),
  finish_reason: ChatFinish,
});
/** One answer to a chat. */
export type ChatChoice = Static<typeof ChatChoice>;

/** A whole answer to a chat. What may be null is null where it has no value; the rest is left out, for clients that check what they get. */
export const ChatCompletion = Type.Object({
  id: Type.String(),
  object: Type.Literal("chat.completion"),
  created: Type.Integer({ description: "Seconds since the epoch." }),
  model: Type.String({ description: "As asked; of a fallback, that model's." }),
  choices: Type.Array(ChatChoice),
  usage: Type.Optional(CompletionUsage),
  service_tier: Type.Null(),
  system_fingerprint: Type.Optional(Type.String({ description: "Provider and model there." })),
  metadata: Type.Null(),
  moderation: Type.Null(),
});
/** A whole answer to a chat. */
export type ChatCompletion = Static<typeof ChatCompletion>;
