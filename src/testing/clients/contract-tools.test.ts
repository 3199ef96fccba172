import { create } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { ChatService, FinishReason } from "../../../gen/parley/v1/chat_pb.ts";
import { MessageSchema, Role, ToolChoiceMode, ToolSchema, type Part } from "../../../gen/parley/v1/messages_pb.ts";
import { eventsOf, textOf, valuesOf } from "../collect-events.ts";
import { userRequest } from "../sample-request.ts";
import { startTestServer, type TestServer } from "../test-server.ts";

// A model is loaded, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ models: { tiny: { ends: "sometimes" } }, load: { sequences: 2, contextLength: 1024 } });
});
afterAll(() => server.close());

const parameters = '{"type":"object","properties":{"n":{"enum":[1,2]}},"required":["n"],"additionalProperties":false}';
const tools = [create(ToolSchema, { tool: { case: "function", value: { name: "count", parameters, strict: true } } })];
const ask = () =>
  userRequest("go", { model: "tiny", maxTokens: 200, tools, toolChoice: { mode: ToolChoiceMode.REQUIRED }, parallelToolCalls: false });
const callIn = (parts: readonly Part[]) => parts.flatMap(({ part }) => (part.case === "toolCall" ? [part.value] : []));

describe.each(["grpc", "grpc-web", "connect"] as const)("a call that is required, over %s", (protocol) => {
  const client = () => {
    const options = { baseUrl: server.url, httpVersion: "2" } as const;
    const transports = { grpc: createGrpcTransport, "grpc-web": createGrpcWebTransport, connect: createConnectTransport };
    return createClient(ChatService, transports[protocol](options));
  };

  it("is a part of the message, and is gone on from with its result", async () => {
    const asked = ask();
    const { choices } = await client().chat(asked);
    const [call] = callIn(choices[0]?.message?.parts ?? []);
    expect(call).toMatchObject({
      name: "count",
      arguments: expect.stringMatching(/^\{"n": ?[12]\}$/),
      id: expect.stringMatching(/^call_/),
    });
    expect(choices[0]?.reason).toBe(FinishReason.TOOL_CALLS);
    const content = [{ part: { case: "text" as const, value: { text: "7" } } }];
    const result = create(MessageSchema, {
      role: Role.TOOL,
      parts: [{ part: { case: "toolResult", value: { toolCallId: call!.id, content } } }],
    });
    const next = userRequest("go", { model: "tiny", maxTokens: 5 });
    next.messages = [...asked.messages, choices[0]!.message!, result];
    expect((await client().chat(next)).choices).toHaveLength(1);
  });

  it("is streamed: its name first, then its arguments in pieces", async () => {
    const events = await eventsOf(client().stream(ask()));
    const [first, ...rest] = valuesOf(events, "toolCall");
    expect(first).toMatchObject({ index: 0, name: "count", arguments: "", id: expect.stringMatching(/^call_/) });
    expect(rest.length).toBeGreaterThan(2);
    for (const delta of rest) expect(delta).toMatchObject({ index: 0, name: "", id: "" });
    expect(rest.map(({ arguments: text }) => text).join("")).toMatch(/^\{"n": ?[12]\}$/);
    expect(textOf(events)).toBe("");
    expect(valuesOf(events, "finished")).toMatchObject([{ reason: FinishReason.TOOL_CALLS }]);
  });
});
