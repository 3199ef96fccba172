import Anthropic, { type APIError, AuthenticationError, BadRequestError, NotFoundError } from "@anthropic-ai/sdk";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestServer, type TestServer } from "../test-server.ts";

let server: TestServer;
let anthropic: Anthropic;
beforeAll(async () => {
  server = await startTestServer({ models: { tiny: {} } });
  anthropic = new Anthropic({ baseURL: server.url, apiKey: "none", maxRetries: 0 });
});
afterAll(() => server.close());

const user = (content: string) => [{ role: "user" as const, content }];
/** The newer client's types have no numbers of drawing, though bodies may. */
const drawn: object = { temperature: 0 };
const asked = (content: string) => ({ model: "echo", max_tokens: 100, messages: user(content) });

describe("the Anthropic client for Node", () => {
  it("gets a whole answer, and its id by the header that it looks for", async () => {
    const { data, request_id, response } = await anthropic.messages.create(asked("say it again")).withResponse();
    expect(data).toMatchObject({
      id: expect.stringMatching(/^msg_/),
      type: "message",
      role: "assistant",
      model: "echo",
      content: [{ type: "text", text: "say it again", citations: null }],
      stop_reason: "end_turn",
      stop_sequence: null,
      usage: { output_tokens: 3 },
    });
    expect(data.usage.input_tokens).toBeGreaterThan(0);
    expect(request_id).toBe(response.headers.get("x-request-id"));
    expect(request_id).toMatch(/^req_/);
  });

  it("reads a stream event by event, with the prompt's tokens at its start", async () => {
    const stream = await anthropic.messages.create({ ...asked("one two three"), stream: true });
    const types: string[] = [];
    let prompt = 0;
    for await (const event of stream) {
      types.push(event.type);
      if (event.type === "message_start") prompt = event.message.usage.input_tokens;
    }
    const deltas = Array<string>(3).fill("content_block_delta");
    expect(types).toEqual(["message_start", "content_block_start", ...deltas, "content_block_stop", "message_delta", "message_stop"]);
    expect(prompt).toBeGreaterThan(0);
  });

  it("gathers a stream with its helper as it gets it whole", async () => {
    const whole = await anthropic.messages.create(asked("one two three"));
    const stream = anthropic.messages.stream(asked("one two three"));
    const words: string[] = [];
    stream.on("text", (word) => words.push(word));
    expect(await stream.finalMessage()).toEqual({ ...whole, id: expect.stringMatching(/^msg_/) as string, parsed_output: null });
    expect(words).toEqual(["one", " two", " three"]);
    expect(stream.request_id).toMatch(/^req_/);
  });

  it("says and streams what a local model writes, up to its limit", async () => {
    const limited = { model: "tiny", max_tokens: 4, messages: user("hi"), ...drawn };
    const whole = await anthropic.messages.create(limited);
    const streamed = await anthropic.messages.stream(limited).finalMessage();
    expect([whole.stop_reason, whole.usage.output_tokens]).toEqual(["max_tokens", 4]);
    expect(streamed.content).toEqual(whole.content);
  });

  it("is told which of its stop texts hit", async () => {
    const { content } = await anthropic.messages.create({ model: "tiny", max_tokens: 40, messages: user("hi"), ...drawn });
    const words = content[0]?.type === "text" ? content[0].text : "";
    const stop = words.slice(2, 4);
    const stopping = { model: "tiny", max_tokens: 40, messages: user("hi"), ...drawn, stop_sequences: ["\u0001", stop] };
    for (const answer of [await anthropic.messages.create(stopping), await anthropic.messages.stream(stopping).finalMessage()])
      expect(answer).toMatchObject({ stop_reason: "stop_sequence", stop_sequence: stop });
  });

  it("counts tokens as the answer is billed, for a local model and its instructions", async () => {
    const prompt = { model: "tiny", messages: user("hello there"), system: [{ type: "text" as const, text: "Be brief." }] };
    const { usage } = await anthropic.messages.create({ ...prompt, max_tokens: 1 });
    expect(await anthropic.messages.countTokens(prompt)).toEqual({
      input_tokens: usage.input_tokens + (usage.cache_read_input_tokens ?? 0),
    });
  });

  it("calls what is in beta as well", async () => {
    const { content } = await anthropic.beta.messages.create({ ...asked("hi"), betas: ["interleaved-thinking-2025-05-14"] });
    expect(content).toMatchObject([{ type: "text", text: "hi" }]);
  });

  it("lists models page by page, and finds one", async () => {
    const ids: string[] = [];
    for await (const { id } of anthropic.models.list({ limit: 1 })) ids.push(id);
    expect(ids).toEqual(expect.arrayContaining(["echo", "tiny"]));
    expect(new Set(ids).size).toBe(ids.length);
    const one = await anthropic.models.retrieve("tiny");
    expect(one).toMatchObject({ id: "tiny", type: "model", lifecycle: "active" });
    expect(one.max_input_tokens).toBeGreaterThan(0);
    expect(Number.isNaN(Date.parse(one.created_at))).toBe(false);
    await expect(anthropic.models.retrieve("nobody")).rejects.toBeInstanceOf(NotFoundError);
  });

  it("throws its own classes, with the kind of error, the field and the request's id", async () => {
    const missing = await anthropic.messages.create({ ...asked("hi"), model: "nobody" }).catch((error: unknown) => error);
    expect(missing).toBeInstanceOf(NotFoundError);
    expect(missing).toMatchObject({ type: "not_found_error", requestID: expect.stringMatching(/^req_/) });
    const refused = anthropic.messages.create({ ...asked("hi"), tools: [{ type: "web_search_20250305", name: "web_search" }] });
    const error = await refused.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(BadRequestError);
    expect((error as APIError).apiMessage).toMatch(/^tools\[0\]\.type: /);
  });

  it("throws before a stream begins where its status can still say why", async () => {
    const error = await anthropic.messages
      .stream({ ...asked("hi"), model: "nobody" })
      .finalMessage()
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(NotFoundError);
  });

  it("leaves a stream, and the model serves the next", async () => {
    const stream = await anthropic.messages.create({ model: "tiny", max_tokens: 2000, messages: user("hi"), stream: true });
    for await (const { type } of stream) if (type === "content_block_delta") break;
    const next = await anthropic.messages.create({ model: "tiny", max_tokens: 2, messages: user("hi") });
    expect(next.usage.output_tokens).toBe(2);
  });
});

describe("the Anthropic client for Node where a key is needed", () => {
  let locked: TestServer;
  beforeAll(async () => {
    locked = await startTestServer({ environment: { LLM_API_KEYS: "the-key-of-a-test" } });
  });
  afterAll(() => locked.close());
  const client = (options: object) => new Anthropic({ baseURL: locked.url, maxRetries: 0, ...options });

  it.each([
    ["as a bearer, with the newer version", { apiKey: "the-key-of-a-test" }],
    ["as a bearer's token", { apiKey: null, authToken: "the-key-of-a-test" }],
    [
      "in x-api-key, with the older version",
      { apiKey: null, defaultHeaders: { "x-api-key": "the-key-of-a-test", "anthropic-version": "2023-06-01" } },
    ],
  ])("shows it %s", async (_name, options) => {
    const body = { ...asked("hi"), temperature: 0.5 };
    expect((await client(options).messages.create(body)).stop_reason).toBe("end_turn");
  });

  it("throws its own class for another", async () => {
    const error = await client({ apiKey: "another" })
      .messages.create(asked("hi"))
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(AuthenticationError);
    expect(error).toMatchObject({ type: "authentication_error", requestID: expect.stringMatching(/^req_/) as string });
  });
});
