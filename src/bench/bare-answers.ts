import { create } from "@bufbuild/protobuf";
import { ChatResponseSchema, FinishReason, type ChatEvent, type ChatRequest, type ChatResponse } from "../../gen/parley/v1/chat_pb.ts";
import { Role } from "../../gen/parley/v1/messages_pb.ts";
import { UsageSource, type Usage } from "../../gen/parley/v1/usage_pb.ts";
import { accepted, chatEvent, completed, finished, started, text } from "../core/events.ts";

// Answers of echo without a service around them: for servers that a service is measured against.

let answers = 0;
const nextId = () => `chatcmpl-${(answers++).toString(36).padStart(24, "0")}`;

/** The whole answer that echo would give. */
export function bareResponse(request: ChatRequest): ChatResponse {
  const words = lastText(request);
  return create(ChatResponseSchema, {
    id: nextId(),
    model: "echo",
    created: { seconds: BigInt(Math.floor(Date.now() / 1000)) },
    choices: [
      { message: { role: Role.ASSISTANT, parts: [{ part: { case: "text", value: { text: words } } }] }, reason: FinishReason.STOP },
    ],
    usage: usage(words.split(" ").length),
  });
}

/** The same, streamed. */
export function* bareEvents(request: ChatRequest): Generator<ChatEvent> {
  const words = lastText(request).match(/\s*\S+/gu) ?? [];
  const inOrder = [
    accepted({ id: nextId(), model: "echo", createdMs: Date.now() }),
    started("echo", "echo"),
    ...words.map((word) => text(0, word)),
    finished(0, FinishReason.STOP),
    completed({ usage: usage(words.length) }),
  ];
  for (const [sequence, { event }] of inOrder.entries()) yield chatEvent(event, sequence);
}

function lastText({ messages }: ChatRequest): string {
  const part = messages.at(-1)?.parts[0]?.part;
  return part?.case === "text" ? part.value.text : "";
}

function usage(words: number): Usage {
  return { $typeName: "parley.v1.Usage", promptTokens: words + 1, completionTokens: words, source: UsageSource.PROVIDER };
}
