import Anthropic from "@anthropic-ai/sdk";
import OpenAI, { APIError } from "openai";
import { afterEach, describe, expect, it } from "vitest";
import type { Turn } from "./turn.ts";
import { startUpstream, type ScriptedUpstream, type UpstreamOptions } from "./upstream.ts";

let upstream: ScriptedUpstream | undefined;
afterEach(() => upstream?.close());

const messages = [{ role: "user" as const, content: "hello" }];
const call = { id: "call_1", name: "weather", pieces: ['{"city":', '"Oslo"}'] };
const rich: Turn = {
  answer: {
    text: ["It ", "is."],
    reasoning: ["hm", "m"],
    calls: [call, { ...call, id: "call_2" }],
    usage: { prompt: 11, completion: 5, cached: 4 },
  },
};

async function start(
  options: UpstreamOptions,
): Promise<{ readonly upstream: ScriptedUpstream; readonly openai: OpenAI; readonly anthropic: Anthropic }> {
  const started = await startUpstream(options);
  upstream = started;
  return {
    upstream: started,
    openai: new OpenAI({ baseURL: `${started.url}/v1`, apiKey: "sk-1", maxRetries: 0 }),
    anthropic: new Anthropic({ baseURL: started.url, apiKey: "sk-2", maxRetries: 0 }),
  };
}

describe("a scripted upstream, asked by OpenAI's own client", () => {
  it("answers whole", async () => {
    const { openai, upstream: asked } = await start({ turns: [rich] });
    const { choices, usage } = await openai.chat.completions.create({ model: "m", messages });
    expect(choices[0]).toMatchObject({ finish_reason: "tool_calls", message: { role: "assistant", content: "It is." } });
    expect(choices[0]?.message.tool_calls).toMatchObject([{ id: "call_1", function: { arguments: '{"city":"Oslo"}' } }, { id: "call_2" }]);
    expect(usage).toMatchObject({ prompt_tokens: 11, prompt_tokens_details: { cached_tokens: 4 } });
    expect(asked.requests).toMatchObject([{ number: 1, key: "sk-1", model: "m", method: "POST", connection: 1 }]);
  });

  it("streams what the client's helper gathers to the same answer", async () => {
    const { openai } = await start({ turns: [rich] });
    const whole = await openai.chat.completions
      .stream({ model: "m", messages, stream_options: { include_usage: true }, n: 2 })
      .finalChatCompletion();
    expect(whole.choices[0]).toMatchObject({ finish_reason: "tool_calls", message: { content: "It is." } });
    expect(whole.choices[0]?.message.tool_calls).toMatchObject([
      { id: "call_1", function: { arguments: '{"city":"Oslo"}' } },
      { id: "call_2" },
    ]);
    expect(whole.usage?.total_tokens).toBe(16);
  });

  it("says several choices, logprobs, and no usage when nobody asked for it", async () => {
    const { openai } = await start({ turns: [{ answer: { choices: 2, logprobs: true } }] });
    const stream = await openai.chat.completions.create({ model: "m", messages, stream: true, logprobs: true });
    const chunks = await Array.fromAsync(stream);
    expect(new Set(chunks.flatMap(({ choices }) => choices.map(({ index }) => index)))).toEqual(new Set([0, 1]));
    expect(chunks.flatMap(({ choices }) => choices[0]?.logprobs?.content ?? [])).toHaveLength(6);
    expect(chunks.some(({ usage }) => usage !== undefined)).toBe(false);
  });

  it("lists models and embeds, in floats and in base64", async () => {
    const { openai } = await start({ ids: ["a", "b"], turns: [{ dimensions: 3 }] });
    expect((await openai.models.list()).data.map(({ id }) => id)).toEqual(["a", "b"]);
    const packed = await openai.embeddings.create({ model: "m", input: ["x y", "z"] });
    const plain = await openai.embeddings.create({ model: "m", input: ["x y", "z"], encoding_format: "float" });
    expect(packed.data.map(({ embedding }) => embedding)).toEqual(plain.data.map(({ embedding }) => embedding));
    expect(plain.data[0]?.embedding).toHaveLength(3);
  });

  it("refuses in the words of that API, and a field that it does not know", async () => {
    const { openai } = await start({
      turns: [{ fault: { is: "refusal", cause: "rate-limited", headers: { "retry-after": "3" } } }, {}],
      keys: ["sk-1"],
    });
    const limited = await openai.chat.completions.create({ model: "m", messages }).catch((error: unknown) => error);
    expect(limited).toMatchObject({ status: 429, code: "rate_limit_exceeded" });
    expect((limited as APIError).headers?.get("retry-after")).toBe("3");
    const unknown = await openai.chat.completions.create({ model: "m", messages, ...{ top_k: 3 } }).catch((error: unknown) => error);
    expect(unknown).toMatchObject({ status: 400, param: "top_k" });
    const stranger = await openai
      .withOptions({ apiKey: "sk-0" })
      .models.list()
      .catch((error: unknown) => error);
    expect(stranger).toMatchObject({ status: 401, code: "invalid_api_key" });
  });

  it("says an error inside of a stream that the client throws", async () => {
    const { openai } = await start({ turns: [{ fault: { is: "error-inside", cause: "server-error", after: 2 } }] });
    const stream = await openai.chat.completions.create({ model: "m", messages, stream: true });
    await expect(Array.fromAsync(stream)).rejects.toThrow(APIError);
  });
});

describe("a scripted upstream, asked by Anthropic's own client", () => {
  const asking = { model: "m", max_tokens: 64, messages };

  it("answers whole", async () => {
    const { anthropic } = await start({ turns: [rich] });
    const { content, stop_reason, usage } = await anthropic.messages.create(asking);
    expect(content.map(({ type }) => type)).toEqual(["thinking", "text", "tool_use", "tool_use"]);
    expect(content[2]).toMatchObject({ id: "call_1", name: "weather", input: { city: "Oslo" } });
    expect([stop_reason, usage.input_tokens, usage.cache_read_input_tokens]).toEqual(["tool_use", 7, 4]);
  });

  it("streams what the client's helper gathers to the same answer", async () => {
    const { anthropic } = await start({ turns: [rich] });
    const whole = await anthropic.messages.stream(asking).finalMessage();
    expect(whole.content).toMatchObject([
      { type: "thinking", thinking: "hmm", signature: "c2ln" },
      { type: "text", text: "It is." },
      { type: "tool_use", id: "call_1", input: { city: "Oslo" } },
      { type: "tool_use", id: "call_2" },
    ]);
    expect([whole.stop_reason, whole.usage.output_tokens]).toEqual(["tool_use", 5]);
  });

  it("lists models, and refuses in the words of that API", async () => {
    const { anthropic } = await start({ ids: ["a"], turns: [{ fault: { is: "refusal", cause: "overloaded" } }] });
    expect((await anthropic.models.list()).data.map(({ id }) => id)).toEqual(["a"]);
    const full = await anthropic.messages.create(asking).catch((error: unknown) => error);
    expect(full).toMatchObject({ status: 529, type: "overloaded_error" });
  });

  it("says an error inside of a stream that the client throws", async () => {
    const { anthropic } = await start({ turns: [{ fault: { is: "error-inside", cause: "overloaded", after: 4 } }] });
    await expect(anthropic.messages.stream(asking).finalMessage()).rejects.toThrow(/Overloaded/u);
  });

  it("refuses an assistant's last words that end in a blank", async () => {
    const { anthropic } = await start({});
    const asked = anthropic.messages.create({ ...asking, messages: [...messages, { role: "assistant", content: "one " }] });
    await expect(asked).rejects.toThrow(/trailing whitespace/u);
  });
});
