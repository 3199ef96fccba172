import { create } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import OpenAI from "openai";
import { dirname } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { ChatService } from "../../../gen/parley/v1/chat_pb.ts";
import { MessageSchema, Role } from "../../../gen/parley/v1/messages_pb.ts";
import { eventsOf, textOf, valuesOf } from "../collect-events.ts";
import { describeWithRealModel } from "../real-model.ts";
import { userRequest } from "../sample-request.ts";
import { realModelId, startTestServer, type TestServer } from "../test-server.ts";

const system = "Complete the sentence.";
const question = "The capital of France is";

vi.setConfig({ testTimeout: 60_000 });

await describeWithRealModel("the real default model, SmolLM2-135M-Instruct", (path) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({
      modelsDirectory: dirname(path),
      environment: { LLM_DEFAULT_PROVIDER: "auto", LLM_DEFAULT_MODEL: realModelId },
    });
  }, 120_000);
  afterAll(() => server.close());

  // Its template puts a system message of its own before a conversation without one, and with that it answers in French, here as in llama.cpp itself.
  const messages = [
    { role: "system" as const, content: system },
    { role: "user" as const, content: question },
  ];
  const body = { model: "", messages, temperature: 0, max_tokens: 24 };
  const openai = () => new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 0 });
  const request = () => {
    const asked = userRequest(question, { sampling: { temperature: 0 }, maxTokens: 24 });
    asked.messages.unshift(create(MessageSchema, { role: Role.SYSTEM, parts: [{ part: { case: "text", value: { text: system } } }] }));
    return asked;
  };

  it("knows Paris over REST", async () => {
    const { choices, usage } = await openai().chat.completions.create(body);
    expect(choices[0]?.message.content).toContain("Paris");
    expect(usage?.prompt_tokens).toBeGreaterThan(5);
  });

  it("knows Paris over REST, streamed", async () => {
    const whole = await openai().chat.completions.stream(body).finalChatCompletion();
    expect(whole.choices[0]?.message.content).toContain("Paris");
  });

  it("knows Paris over gRPC and Connect, streamed, in the same words", async () => {
    const transports = [createGrpcTransport({ baseUrl: server.url }), createConnectTransport({ baseUrl: server.url, httpVersion: "1.1" })];
    const answers = [];
    for (const transport of transports) answers.push(await eventsOf(createClient(ChatService, transport).stream(request())));
    const texts = answers.map((events) => textOf(events));
    expect(texts[0]).toContain("Paris");
    expect(texts[1]).toBe(texts[0]);
    expect(valuesOf(answers[0] ?? [], "started")).toMatchObject([{ provider: "llama-cpp" }]);
  });

  it("goes on with a raw prompt", async () => {
    const chat = createClient(ChatService, createGrpcTransport({ baseUrl: server.url }));
    const { choices } = await chat.chat({
      rawPrompt: { prompt: { case: "text", value: question } },
      sampling: { temperature: 0 },
      maxTokens: 8,
    });
    const part = choices[0]?.message?.parts[0]?.part;
    expect(part?.case === "text" ? part.value.text : "").toContain("Paris");
  });

  it("ends by itself", async () => {
    const { choices } = await openai().chat.completions.create({ ...body, max_tokens: 200 });
    expect(choices[0]?.finish_reason).toBe("stop");
  });
});
