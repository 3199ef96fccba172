import { Type, type Static } from "typebox";
import { orNull } from "../../wire/shapes.ts";

const bytes = Type.Array(Type.Integer({ minimum: 0, maximum: 255 }));

/** A token with its probability and those of its rivals; unlike those of chat completions, its bytes are always a list. */
export const OutputLogprob = Type.Object({
  token: Type.String(),
  logprob: Type.Number({ description: "Natural logarithm; -9999 for what can never come." }),
  bytes,
  top_logprobs: Type.Array(Type.Object({ token: Type.String(), logprob: Type.Number(), bytes })),
});
/** A token with its probability and those of its rivals. */
export type OutputLogprob = Static<typeof OutputLogprob>;

/** Text of an answer. */
export const OutputText = Type.Object({
  type: Type.Literal("output_text"),
  text: Type.String(),
  annotations: Type.Array(Type.Never()),
  logprobs: Type.Array(OutputLogprob, { description: "Empty unless they were asked for." }),
});
/** Text of an answer. */
export type OutputText = Static<typeof OutputText>;

/** Words with which the model declined. */
export const OutputRefusal = Type.Object({ type: Type.Literal("refusal"), refusal: Type.String() });
/** Words with which the model declined. */
export type OutputRefusal = Static<typeof OutputRefusal>;

/** A part of a message. */
export const OutputContent = Type.Union([OutputText, OutputRefusal]);
/** A part of a message. */
export type OutputContent = Static<typeof OutputContent>;

/** Where an item stands. */
export const ItemStatus = Type.Enum(["in_progress", "completed", "incomplete"]);
/** Where an item stands. */
export type ItemStatus = Static<typeof ItemStatus>;

/** A message of an answer. */
export const OutputMessage = Type.Object({
  id: Type.String(),
  type: Type.Literal("message"),
  status: ItemStatus,
  role: Type.Literal("assistant"),
  content: Type.Array(OutputContent),
  phase: Type.Null(),
});

/** A call that the model made. */
export const FunctionCall = Type.Object({
  id: Type.String(),
  type: Type.Literal("function_call"),
  status: ItemStatus,
  call_id: Type.String({ description: "What its output names." }),
  name: Type.String(),
  arguments: Type.String({ description: "JSON text, as the model wrote it." }),
  async: Type.Literal(false),
  caller: Type.Null(),
});

/** Thinking, as it was thought. */
export const ReasoningText = Type.Object({ type: Type.Literal("reasoning_text"), text: Type.String() });
/** Thinking, where a summary was asked for: there is no other than the thinking itself. */
export const SummaryText = Type.Object({ type: Type.Literal("summary_text"), text: Type.String() });

/** Thinking of an answer. */
export const ReasoningItem = Type.Object({
  id: Type.String(),
  type: Type.Literal("reasoning"),
  status: ItemStatus,
  summary: Type.Array(SummaryText),
  content: Type.Array(ReasoningText),
  encrypted_content: orNull(
    Type.String({ description: "What has to come back as it is: the thinking with its signature, or what is hidden of it." }),
  ),
});

/** What an answer is made of. */
export const OutputItem = Type.Union([OutputMessage, FunctionCall, ReasoningItem]);
/** What an answer is made of. */
export type OutputItem = Static<typeof OutputItem>;
