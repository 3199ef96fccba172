import OpenAI, { BadRequestError, type APIError } from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestServer, type TestServer } from "../test-server.ts";

type Body = OpenAI.ChatCompletionCreateParamsNonStreaming;
type Logprob = OpenAI.ChatCompletionTokenLogprob;

let server: TestServer;
let openai: OpenAI;
beforeAll(async () => {
  server = await startTestServer({ models: { tiny: { writes: "bytes" }, ascii: {} } });
  openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 0 });
});
afterAll(() => server.close());

describe("logprobs for the OpenAI client", () => {
  const body = (more: Partial<Body> = {}): Body => ({
    model: "tiny",
    messages: [{ role: "user", content: "tell me of it" }],
    max_tokens: 30,
    seed: 7,
    logprobs: true,
    top_logprobs: 5,
    ...more,
  });
  const whole = async (more: Partial<Body> = {}) => (await openai.chat.completions.create(body(more))).choices[0]!;
  /** By chunk, its text and its logprobs. */
  const streamed = async (more: Partial<Body> = {}) => {
    const chunks: { text: string; logprobs: readonly Logprob[] }[] = [];
    for await (const { choices } of await openai.chat.completions.create({ ...body(more), stream: true })) {
      chunks.push({ text: choices[0]?.delta.content ?? "", logprobs: choices[0]?.logprobs?.content ?? [] });
    }
    return chunks;
  };
  const textOf = (logprobs: readonly Logprob[]) => Buffer.concat(logprobs.map(({ bytes }) => Buffer.from(bytes ?? []))).toString();

  it("are those of every token, whole and streamed alike", async () => {
    const { message, logprobs } = await whole();
    const content = logprobs?.content ?? [];
    expect(content).toHaveLength(30);
    for (const { logprob, top_logprobs: top } of content) {
      expect(logprob).toBeLessThanOrEqual(0);
      expect(top).toHaveLength(5);
      expect(top.map((other) => other.logprob)).toEqual(top.map((other) => other.logprob).toSorted((one, other) => other - one));
    }
    // The beginning of a character that never came is in the tokens alone.
    expect(textOf(content).startsWith(message.content ?? "none")).toBe(true);
    const chunks = await streamed();
    const told = chunks.flatMap((chunk) => chunk.logprobs);
    expect(told.map(({ bytes }) => bytes)).toEqual(content.map(({ bytes }) => bytes));
    // A prompt of which a part is known already is computed in other pieces, and rounds otherwise.
    for (const [index, { logprob }] of told.entries()) expect(logprob).toBeCloseTo(content[index]!.logprob, 2);
    expect(chunks.map(({ text }) => text).join("")).toBe(message.content);
  });

  it("come in a stream with the text that they belong to", async () => {
    const chunks = await streamed({ model: "ascii" });
    expect(chunks.filter(({ text }) => text !== "").length).toBeGreaterThan(20);
    for (const { text, logprobs } of chunks) expect(textOf(logprobs)).toBe(text);
  });

  it("end where a stop text begins", async () => {
    const content = (await whole()).message.content!;
    const stop = content.slice(5, 8);
    const { message, logprobs } = await whole({ stop });
    expect(message.content).toBe(content.slice(0, content.indexOf(stop)));
    expect(textOf(logprobs?.content ?? []).startsWith(message.content!)).toBe(true);
    expect(textOf(logprobs?.content ?? [])).not.toContain(stop);
  });

  it("have no alternatives when none are wanted, and are null when they are not", async () => {
    const { logprobs } = await whole({ top_logprobs: 0 });
    expect(logprobs?.content?.[0]).toMatchObject({ token: expect.any(String), top_logprobs: [] });
    const { top_logprobs: _, ...none } = body({ logprobs: false });
    const { choices } = await openai.chat.completions.create(none);
    expect(choices[0]?.logprobs).toBeNull();
    // Whether they are told changes nothing of the text.
    expect(choices[0]?.message.content).toBe((await whole()).message.content);
  });

  it("are told of each choice", async () => {
    const { choices } = await openai.chat.completions.create(body({ n: 3 }));
    for (const { message, logprobs } of choices) expect(textOf(logprobs?.content ?? []).startsWith(message.content!)).toBe(true);
    expect(new Set(choices.map(({ message }) => message.content)).size).toBe(3);
  });

  it("are told of an answer in a form too, whose tokens they make up", async () => {
    const schema = { type: "object", properties: { ok: { type: "boolean" } }, required: ["ok"], additionalProperties: false };
    const { message, logprobs } = await whole({
      model: "ascii",
      response_format: { type: "json_schema", json_schema: { name: "answer", schema, strict: true } },
    });
    expect(textOf(logprobs?.content ?? [])).toBe(message.content);
    expect(message.content).toMatch(/^\{"ok": ?(true|false)\}$/);
  });

  it("go with a form, but a least length does not: it is refused by both names", async () => {
    const both = { ...body({ response_format: { type: "json_object" } }), min_tokens: 5 };
    const refused = await openai.chat.completions.create(both).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(BadRequestError);
    expect(refused).toMatchObject({ code: "unsupported_parameter", param: "min_tokens" });
    expect((refused as APIError).message).toMatch(/min_tokens.*response_format/);
  });
});
