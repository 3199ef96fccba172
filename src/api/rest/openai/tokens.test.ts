import { dirname } from "node:path";
import OpenAI from "openai";
import { Value } from "typebox/value";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { ApplyTemplateAnswer, DetokenizeAnswer, TokenizeAnswer } from "../../../dialects/openai/wire/tokens.ts";
import { describeWithRealModel } from "../../../testing/real-model.ts";
import { realModelId, startTestServer, type TestServer } from "../../../testing/test-server.ts";

// A model is loaded, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

const messages = [
  { role: "system" as const, content: "Be brief." },
  { role: "user" as const, content: "Say hi." },
];

await describeWithRealModel("tokens of the real model over REST", (path) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({
      modelsDirectory: dirname(path),
      environment: { LLM_DEFAULT_PROVIDER: "auto", LLM_DEFAULT_MODEL: realModelId },
      load: { sequences: 2, contextLength: 1024 },
    });
  });
  afterAll(() => server.close());

  const post = async (at: string, body: unknown) => {
    const response = await fetch(`${server.url}${at}`, { method: "POST", body: JSON.stringify(body) });
    return { status: response.status, json: (await response.json()) as Record<string, unknown> };
  };
  const tokenize = async (body: object) => {
    const { status, json } = await post("/tokenize", body);
    expect([status, Value.Check(TokenizeAnswer, json)]).toEqual([200, true]);
    return json as { tokens: number[]; count: number; max_model_len: number | null; token_strs: string[] | null };
  };

  it("are told in llama-server's shape for content, and put together again under both names", async () => {
    const { tokens, ...rest } = await tokenize({ content: "Hello wörld" });
    expect(rest).toEqual({});
    const { status, json } = await post("/detokenize", { tokens });
    expect([status, json]).toEqual([200, { content: "Hello wörld", prompt: "Hello wörld" }]);
    expect(Value.Check(DetokenizeAnswer, json)).toBe(true);
  });

  it("come with their pieces, as bytes where they are no text", async () => {
    const { tokens } = await tokenize({ content: "Hi 🦜", with_pieces: true });
    const pieces = (tokens as unknown as { id: number; piece: string | number[] }[]).map(({ piece }) => piece);
    expect(pieces.some((piece) => Array.isArray(piece))).toBe(true);
    const bytes = pieces.flatMap((piece) => (typeof piece === "string" ? [...Buffer.from(piece)] : piece));
    expect(Buffer.from(bytes).toString()).toBe("Hi 🦜");
  });

  it("of special texts are special unless the body says otherwise", async () => {
    const parsed = await tokenize({ content: "<|im_end|>" });
    const plain = await tokenize({ content: "<|im_end|>", parse_special: false });
    expect(parsed.tokens).toHaveLength(1);
    expect(plain.tokens.length).toBeGreaterThan(3);
  });

  it("are told in vLLM's shape for a prompt, with their number and what the model holds", async () => {
    const { tokens, ...rest } = await tokenize({ model: realModelId, prompt: "Hello world", return_token_strs: true });
    expect(rest).toEqual({ count: tokens.length, max_model_len: 1024, token_strs: ["Hello", " world"] });
    expect((await tokenize({ prompt: "Hello world" })).token_strs).toBeNull();
  });

  it("of a conversation are those that its chat is billed", async () => {
    const { count } = await tokenize({ model: realModelId, messages });
    const openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 0 });
    const { usage } = await openai.chat.completions.create({ model: realModelId, messages, max_tokens: 1 });
    expect(count).toBe(usage?.prompt_tokens);
  });

  it("a conversation's prompt is shown as the model reads it", async () => {
    const { status, json } = await post("/apply-template", { messages });
    expect([status, Value.Check(ApplyTemplateAnswer, json)]).toEqual([200, true]);
    expect(json["prompt"]).toBe("<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nSay hi.<|im_end|>\n<|im_start|>assistant\n");
    const { count } = await tokenize({ messages });
    expect((await tokenize({ content: json["prompt"] })).tokens).toHaveLength(count);
  });

  it("an assistant's words are gone on from where the body says so", async () => {
    const asked = [...messages, { role: "assistant", content: "Hel" }];
    const { json } = await post("/apply-template", { messages: asked, continue_final_message: true, add_generation_prompt: false });
    expect(json["prompt"]).toMatch(/<\|im_start\|>assistant\nHel$/);
  });

  it.each([
    ["/tokenize", {}, "content", 400],
    ["/tokenize", { content: 1 }, "content", 400],
    ["/tokenize", { prompt: ["a"] }, "prompt", 400],
    ["/tokenize", { content: "a", prompt: "a" }, "prompt", 400],
    ["/tokenize", { content: "a", with_pieces: "yes" }, "with_pieces", 400],
    ["/tokenize", { messages: [] }, "messages", 400],
    ["/tokenize", { prompt: "a", model: "nobody" }, null, 404],
    ["/tokenize", { messages, chat_template: "{{ x }}" }, "chat_template", 400],
    ["/detokenize", {}, "tokens", 400],
    ["/detokenize", { tokens: ["a"] }, "tokens[0]", 400],
    ["/detokenize", { tokens: [1, -1] }, "tokens[1]", 400],
    ["/detokenize", { tokens: [99_999_999] }, "tokens[0]", 400],
    ["/apply-template", { messages: [] }, "messages", 400],
    ["/apply-template", { messages: [{ role: "robot", content: "x" }] }, "messages[0].role", 400],
    ["/tokenize", { content: "a", model: "echo" }, null, 501],
  ])("%s refuses %j by its name", async (at, body, param, status) => {
    expect(await post(at, body)).toMatchObject({
      status,
      json: { error: { param, message: expect.any(String), code: expect.any(String) } },
    });
  });
});
