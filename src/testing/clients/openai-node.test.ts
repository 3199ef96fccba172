import OpenAI, { BadRequestError, NotFoundError, type APIError } from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestServer, type TestServer } from "../test-server.ts";

let server: TestServer;
let openai: OpenAI;
beforeAll(async () => {
  server = await startTestServer({ models: { tiny: {}, tinyBytes: { writes: "bytes" } } });
  openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 0 });
});
afterAll(() => server.close());

const user = (content: string) => [{ role: "user" as const, content }];

describe("the OpenAI client for Node", () => {
  it("gets a whole answer", async () => {
    const { data, request_id } = await openai.chat.completions.create({ model: "echo", messages: user("say it again") }).withResponse();
    expect(data).toMatchObject({
      object: "chat.completion",
      model: "echo",
      choices: [
        { index: 0, message: { role: "assistant", content: "say it again", refusal: null }, finish_reason: "stop", logprobs: null },
      ],
    });
    expect(data.usage?.total_tokens).toBe((data.usage?.prompt_tokens ?? 0) + (data.usage?.completion_tokens ?? 0));
    expect(request_id).toBeTruthy();
  });

  it("reads a stream chunk by chunk", async () => {
    const stream = await openai.chat.completions.create({ model: "echo", messages: user("one two three"), stream: true });
    const words: string[] = [];
    let finish: string | null | undefined;
    for await (const { choices } of stream) {
      words.push(choices[0]?.delta.content ?? "");
      finish ??= choices[0]?.finish_reason;
    }
    expect(words.join("")).toBe("one two three");
    expect(words.length).toBeGreaterThan(3);
    expect(finish).toBe("stop");
  });

  it("gathers a stream with its helper, usage included", async () => {
    const stream = openai.chat.completions.stream({
      model: "echo",
      messages: user("one two three"),
      stream_options: { include_usage: true },
    });
    const deltas: string[] = [];
    stream.on("content", (delta) => deltas.push(delta));
    const whole = await stream.finalChatCompletion();
    expect(whole.choices[0]?.message).toMatchObject({ role: "assistant", content: "one two three" });
    expect(deltas.join("")).toBe("one two three");
    expect(whole.usage?.completion_tokens).toBe(3);
  });

  it("gathers several choices with its helper", async () => {
    const whole = await openai.chat.completions.stream({ model: "tiny", messages: user("hi"), n: 2, max_tokens: 5 }).finalChatCompletion();
    expect(whole.choices.map(({ index, finish_reason }) => [index, finish_reason])).toEqual([
      [0, "length"],
      [1, "length"],
    ]);
    for (const { message } of whole.choices) expect(message.role).toBe("assistant");
  });

  it("honours stop texts and limits of a local model", async () => {
    const limited = await openai.chat.completions.create({ model: "tiny", messages: user("hi"), max_completion_tokens: 4, temperature: 0 });
    expect([limited.choices[0]?.finish_reason, limited.usage?.completion_tokens]).toEqual(["length", 4]);
    const words = limited.choices[0]?.message.content ?? "";
    const stop = words.slice(2, 4);
    const stopped = await openai.chat.completions.create({ model: "tiny", messages: user("hi"), max_tokens: 40, temperature: 0, stop });
    expect(stopped.choices[0]?.finish_reason).toBe("stop");
    expect(stopped.choices[0]?.message.content).toBe(words.slice(0, words.indexOf(stop)));
  });

  it("gets the same answer for the same seed", async () => {
    const ask = async () => {
      const { choices } = await openai.chat.completions.create({
        model: "tiny",
        messages: user("hi"),
        max_tokens: 24,
        temperature: 1,
        seed: 7,
      });
      return choices[0]?.message.content;
    };
    expect(await ask()).toBe(await ask());
  });

  it("never gets half a character", async () => {
    const whole = await openai.chat.completions.create({ model: "tinyBytes", messages: user("hi"), max_tokens: 64, seed: 1 });
    const stream = await openai.chat.completions.create({
      model: "tinyBytes",
      messages: user("hi"),
      max_tokens: 64,
      seed: 1,
      stream: true,
    });
    let streamed = "";
    for await (const { choices } of stream) streamed += choices[0]?.delta.content ?? "";
    expect(streamed).toBe(whole.choices[0]?.message.content);
  });

  it("treats null as absent, as clients send it", async () => {
    const body = {
      model: "echo",
      messages: user("hi"),
      tools: null,
      stop: null,
      max_tokens: null,
      seed: null,
    } as unknown as OpenAI.ChatCompletionCreateParamsNonStreaming;
    const { choices } = await openai.chat.completions.create(body);
    expect(choices[0]?.message.content).toBe("hi");
  });

  it("takes text in parts, and the roles developer and system", async () => {
    const { choices } = await openai.chat.completions.create({
      model: "echo",
      messages: [
        { role: "developer", content: "be brief" },
        { role: "system", content: [{ type: "text", text: "be kind" }] },
        {
          role: "user",
          content: [
            { type: "text", text: "a" },
            { type: "text", text: "b" },
          ],
        },
      ],
    });
    expect(choices[0]?.message.content).toBe("ab");
  });

  it("throws its own classes, with the code and the field", async () => {
    const missing = await openai.chat.completions.create({ model: "nobody", messages: user("hi") }).catch((error: unknown) => error);
    expect(missing).toBeInstanceOf(NotFoundError);
    expect(missing).toMatchObject({ status: 404, code: "model_not_found" });
    expect((missing as APIError).requestID).toBeTruthy();
    const refused = await openai.chat.completions
      .create({ model: "echo", messages: user("hi"), logprobs: true, top_logprobs: 2 })
      .catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(BadRequestError);
    expect(refused).toMatchObject({ code: "unsupported_parameter", param: "top_logprobs" });
  });

  it("throws before a stream begins where its status can still say why", async () => {
    const error = await openai.chat.completions
      .create({ model: "nobody", messages: user("hi"), stream: true })
      .catch((given: unknown) => given);
    expect(error).toBeInstanceOf(NotFoundError);
  });

  it("leaves a stream, and the model serves the next", async () => {
    const stream = await openai.chat.completions.create({ model: "tiny", messages: user("hi"), max_tokens: 2000, stream: true });
    for await (const { choices } of stream) if ((choices[0]?.delta.content ?? "") !== "") break;
    const next = await openai.chat.completions.create({ model: "tiny", messages: user("hi"), max_tokens: 3 });
    expect(next.usage?.completion_tokens).toBe(3);
  });

  it("lists models and finds one by name", async () => {
    const { data } = await openai.models.list();
    expect(data.map(({ id }) => id)).toEqual(expect.arrayContaining(["echo", "tiny"]));
    const model = await openai.models.retrieve("tiny");
    expect(model).toMatchObject({ id: "tiny", object: "model" });
    expect(model.owned_by).toBeTruthy();
    await expect(openai.models.retrieve("nobody")).rejects.toBeInstanceOf(NotFoundError);
  });
});
