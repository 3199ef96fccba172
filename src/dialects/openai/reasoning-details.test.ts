import { create } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { ChatRequestSchema, ChatResponseSchema, FinishReason, type ChatEvent } from "../../../gen/parley/v1/chat_pb.ts";
import { MessageSchema, ReasoningEffort, Role } from "../../../gen/parley/v1/messages_pb.ts";
import { accepted, chatEvent } from "../../core/events.ts";
import { anthropicDialect } from "../anthropic/upstream/dialect.ts";
import { ChunkWriter } from "./chunks.ts";
import { messagesFromOpenAI } from "./messages.ts";
import { chatResponseToOpenAI } from "./response.ts";

const hidden = new TextEncoder().encode("never to be read");
const thoughts = [
  { text: "", signature: "", redactedData: hidden },
  { text: "first, then second", signature: "sig/1==", redactedData: new Uint8Array() },
];
const call = { part: { case: "toolCall" as const, value: { id: "c", name: "f", arguments: "{}" } } };
const said = create(MessageSchema, {
  role: Role.ASSISTANT,
  parts: [...thoughts.map((value) => ({ part: { case: "reasoning" as const, value } })), call],
});
const result = { role: "tool", tool_call_id: "c", content: "done" };

/** What the API is sent when a client returns a message of ours, as it is, with what its tool said. */
function sentWith(message: object): Record<string, unknown> {
  const messages = messagesFromOpenAI([{ role: "user", content: "go" }, message, result]);
  const tools = [{ tool: { case: "function" as const, value: { name: "f", parametersSchema: '{"type":"object"}' } } }];
  const request = create(ChatRequestSchema, { model: "m", messages, tools, reasoning: { effort: ReasoningEffort.LOW } });
  return anthropicDialect({ kind: "anthropic", quirks: {} }).chat(request, { isStream: false }).body as Record<string, unknown>;
}

const turn = [
  { type: "redacted_thinking", data: "never to be read" },
  { type: "thinking", thinking: "first, then second", signature: "sig/1==" },
  expect.objectContaining({ type: "tool_use", id: "c" }),
];

it("thinking that has to come back as it was does so when a client returns the message of a whole answer", () => {
  const choices = [{ message: said, reason: FinishReason.TOOL_CALLS }];
  const {
    choices: [choice],
  } = chatResponseToOpenAI(create(ChatResponseSchema, { choices })) as { choices: { message: object }[] };
  const body = sentWith(JSON.parse(JSON.stringify(choice?.message)) as object);
  expect(body["thinking"]).toMatchObject({ type: "enabled" });
  expect((body["messages"] as { content: unknown }[])[1]?.content).toEqual(turn);
});

it("thinking that has to come back as it was is told whole in a stream, where a client joins the lists", () => {
  const writer = new ChunkWriter({ includeUsage: false });
  const thought = (given: object): ChatEvent =>
    chatEvent({
      case: "reasoning",
      value: { $typeName: "parley.v1.ReasoningDelta", choice: 0, text: "", signature: "", redactedData: new Uint8Array(), ...given },
    });
  const events = [
    accepted({ id: "id", model: "m", createdMs: 0 }),
    thought({ redactedData: hidden }),
    thought({ text: "first, " }),
    thought({ text: "then second" }),
    thought({ signature: "sig/1==" }),
  ];
  const frames = events.flatMap((event) => writer.write(event).split("\n\n")).filter((frame) => frame !== "");
  const deltas = frames.map(
    (frame) => (JSON.parse(frame.slice(6)) as { choices: { delta: { reasoning_details?: object[] } }[] }).choices[0]?.delta,
  );
  const details = deltas.flatMap((delta) => delta?.reasoning_details ?? []);
  const calls = [{ id: "c", type: "function", function: { name: "f", arguments: "{}" } }];
  const body = sentWith({
    role: "assistant",
    content: "",
    reasoning_content: "first, then second",
    reasoning_details: details,
    tool_calls: calls,
  });
  expect((body["messages"] as { content: unknown }[])[1]?.content).toEqual(turn);
});

it("a request whose thinking did not come back is answered without thinking", () => {
  const calls = [{ id: "c", type: "function", function: { name: "f", arguments: "{}" } }];
  const body = sentWith({ role: "assistant", content: null, reasoning_content: "first", tool_calls: calls });
  expect(body["thinking"]).toEqual({ type: "disabled" });
});

it("thinking that no model has to have back is told as text alone, and what is no thinking is refused by its name", () => {
  const plain = create(MessageSchema, { role: Role.ASSISTANT, parts: [{ part: { case: "reasoning", value: { text: "hm" } } }] });
  const answer = chatResponseToOpenAI(create(ChatResponseSchema, { choices: [{ message: plain }] }));
  expect(JSON.stringify(answer)).not.toContain("reasoning_details");
  const bad = { role: "assistant", content: "x", reasoning_details: [{ type: "reasoning.encrypted", data: "%" }] };
  expect(() => messagesFromOpenAI([bad])).toThrow("messages[0].reasoning_details[0].data: is not base64");
});
