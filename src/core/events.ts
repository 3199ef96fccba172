import type {
  Accepted,
  ChatEvent,
  ChoiceFinished,
  Completed,
  FinishReason,
  Progress,
  ReasoningDelta,
  Started,
  TokenLogprob,
  ToolCallDelta,
} from "../../gen/parley/v1/chat_pb.ts";
import type { Usage } from "../../gen/parley/v1/usage_pb.ts";

// Literals of the generated types: `create` costs ten times as much, and streams are made of these.

/** An event with its place in the stream; providers leave it at 0, the sequence layer numbers. */
export function chatEvent(event: ChatEvent["event"], sequence = 0): ChatEvent {
  return { $typeName: "parley.v1.ChatEvent", sequence, event };
}

/** The call is admitted. */
export function accepted(fields: Pick<Accepted, "id" | "model"> & { readonly createdMs: number }): ChatEvent {
  const { id, model, createdMs } = fields;
  const seconds = Math.floor(createdMs / 1000);
  const created = {
    $typeName: "google.protobuf.Timestamp" as const,
    seconds: BigInt(seconds),
    nanos: Math.floor((createdMs - seconds * 1000) * 1e6),
  };
  return chatEvent({ case: "accepted", value: { $typeName: "parley.v1.Accepted", id, model, created } });
}

/** A provider's first event; the route fills in the attempt. `usage`: what is known of the prompt by now. */
export function started(provider: string, model: string, usage?: Usage): ChatEvent {
  const value: Started = {
    $typeName: "parley.v1.Started",
    provider,
    model,
    attempt: 1,
    isFallback: false,
    fromCache: false,
    answerModel: "",
  };
  if (usage !== undefined) value.usage = usage;
  return chatEvent({ case: "started", value });
}

/** Text of a choice. */
export function text(choice: number, words: string, logprobs: TokenLogprob[] = []): ChatEvent {
  return chatEvent({ case: "text", value: { $typeName: "parley.v1.TextDelta", choice, text: words, logprobs } });
}

/** Thinking that is not hidden has no bytes; a typed array of its own would cost as much as the rest of the event. */
const nothingHidden = new Uint8Array();

/** Thinking of a choice. */
export function reasoning(choice: number, words: string): ChatEvent {
  const value: ReasoningDelta = {
    $typeName: "parley.v1.ReasoningDelta",
    choice,
    text: words,
    signature: "",
    redactedData: nothingHidden,
  };
  return chatEvent({ case: "reasoning", value });
}

/** A piece of a tool call; `id` and `name` come with its first. */
export function toolCall(
  piece: Pick<ToolCallDelta, "choice" | "index" | "arguments"> & { readonly id?: string; readonly name?: string },
): ChatEvent {
  const { choice, index, id = "", name = "", arguments: words } = piece;
  const value: ToolCallDelta = { $typeName: "parley.v1.ToolCallDelta", choice, index, id, name, arguments: words };
  return chatEvent({ case: "toolCall", value });
}

/** The end of a choice. */
export function finished(choice: number, reason: FinishReason, more: { rawReason?: string; stopSequence?: string } = {}): ChatEvent {
  const { rawReason = "", stopSequence } = more;
  const value: ChoiceFinished = { $typeName: "parley.v1.ChoiceFinished", choice, reason, rawReason };
  if (stopSequence !== undefined) value.stopSequence = stopSequence;
  return chatEvent({ case: "finished", value });
}

/** The end of a stream. */
export function completed(value: Omit<Completed, "$typeName">): ChatEvent {
  return chatEvent({ case: "completed", value: { $typeName: "parley.v1.Completed", ...value } });
}

/** Where a call stands before its first content. */
export function progress(value: Omit<Progress, "$typeName">): ChatEvent {
  return chatEvent({ case: "progress", value: { $typeName: "parley.v1.Progress", ...value } });
}
