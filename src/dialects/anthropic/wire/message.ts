import { Type, type Static } from "typebox";
import { Usage } from "./usage.ts";

/** Words of an answer. */
const TextBlock = Type.Object({ type: Type.Literal("text"), text: Type.String(), citations: Type.Null() });
/** Thinking; what signed it wants the signature back. */
const ThinkingBlock = Type.Object({ type: Type.Literal("thinking"), thinking: Type.String(), signature: Type.String() });
/** Thinking that its maker hides. */
const RedactedThinkingBlock = Type.Object({ type: Type.Literal("redacted_thinking"), data: Type.String() });
/** A call of one of the caller's tools. */
const ToolUseBlock = Type.Object({
  type: Type.Literal("tool_use"),
  id: Type.String(),
  name: Type.String(),
  input: Type.Record(Type.String(), Type.Unknown()),
  caller: Type.Object({ type: Type.Literal("direct") }),
});

/** One block of an answer. */
export const ContentBlock = Type.Union([TextBlock, ThinkingBlock, RedactedThinkingBlock, ToolUseBlock]);
/** One block of an answer. */
export type ContentBlock = Static<typeof ContentBlock>;

/** Why a message ended, with what belongs to it. */
export const Stop = Type.Object({
  stop_reason: Type.Union([
    Type.Literal("end_turn"),
    Type.Literal("max_tokens"),
    Type.Literal("stop_sequence"),
    Type.Literal("tool_use"),
    Type.Literal("pause_turn"),
    Type.Literal("refusal"),
    Type.Literal("model_context_window_exceeded"),
  ]),
  stop_sequence: Type.Union([Type.String(), Type.Null()]),
  stop_details: Type.Union([
    Type.Object({ type: Type.Literal("refusal"), category: Type.Null(), explanation: Type.Union([Type.String(), Type.Null()]) }),
    Type.Null(),
  ]),
});
/** Why a message ended, with what belongs to it. */
export type Stop = Static<typeof Stop>;

const frame = {
  id: Type.String(),
  type: Type.Literal("message"),
  role: Type.Literal("assistant"),
  model: Type.String(),
  container: Type.Null(),
  diagnostics: Type.Null(),
  usage: Usage,
};

/** A whole answer. */
export const Message = Type.Object({ ...frame, content: Type.Array(ContentBlock), ...Stop.properties });
/** A whole answer. */
export type Message = Static<typeof Message>;

/** An answer that begins: nothing of it is there, and nothing of its end is known. */
export const BegunMessage = Type.Object({
  ...frame,
  content: Type.Array(ContentBlock, { maxItems: 0 }),
  stop_reason: Type.Null(),
  stop_sequence: Type.Null(),
  stop_details: Type.Null(),
});
/** An answer that begins. */
export type BegunMessage = Static<typeof BegunMessage>;
