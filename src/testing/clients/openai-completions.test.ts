import { dirname } from "node:path";
import OpenAI, { BadRequestError } from "openai";
import { Value } from "typebox/value";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { Completion, CompletionChunk } from "../../dialects/openai/wire/completions.ts";
import { describeWithRealModel } from "../real-model.ts";
import { realModelId, startTestServer, type TestServer } from "../test-server.ts";

// A model is loaded, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

type Body = OpenAI.CompletionCreateParamsNonStreaming;

await describeWithRealModel("/v1/completions of the real model, for the OpenAI client", (path) => {
  let server: TestServer;
  let openai: OpenAI;
  beforeAll(async () => {
    server = await startTestServer({ modelsDirectory: dirname(path), load: { sequences: 4, contextLength: 1024 } });
    openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 0 });
  });
  afterAll(() => server.close());

  const france = "The capital of France is";
  const asked = { model: realModelId, prompt: france, temperature: 0, max_tokens: 8 };
  const create = async (more: Partial<Body> = {}) => {
    const answer = await openai.completions.create({ ...asked, ...more });
    expect([...Value.Errors(Completion, answer)]).toEqual([]);
    return answer;
  };
  const pieces = async (more: object) => {
    const chunks: OpenAI.Completion[] = [];
    for await (const chunk of await openai.completions.create({ ...asked, ...more, stream: true })) chunks.push(chunk);
    for (const chunk of chunks) expect([...Value.Errors(CompletionChunk, chunk)]).toEqual([]);
    return chunks;
  };

  it("goes on with a prompt that no template changes", async () => {
    const { choices, usage, object, id, model } = await create();
    expect([object, id.startsWith("cmpl-"), model]).toEqual(["text_completion", true, realModelId]);
    expect(choices).toMatchObject([{ index: 0, text: expect.stringContaining("Paris"), logprobs: null, finish_reason: "length" }]);
    expect(usage).toMatchObject({ prompt_tokens: 5, completion_tokens: 8, total_tokens: 13 });
  });

  it("writes the same in a stream, why it ended in a chunk of its own, and usage where it was asked for", async () => {
    const [{ choices }, chunks, counted] = [await create(), await pieces({}), await pieces({ stream_options: { include_usage: true } })];
    const said = (list: readonly OpenAI.Completion[]) => list.map((chunk) => chunk.choices[0]?.text ?? "").join("");
    expect(said(chunks)).toBe(choices[0]?.text);
    expect(chunks.at(-1)?.choices).toEqual([{ text: "", index: 0, logprobs: null, finish_reason: "length" }]);
    expect(chunks.some((chunk) => "usage" in chunk)).toBe(false);
    expect(counted.slice(0, -1).every(({ usage }) => usage === null)).toBe(true);
    expect(counted.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 5, completion_tokens: 8 } });
  });

  it("goes on with tokens as with the text that they are of", async () => {
    const response = await fetch(`${server.url}/tokenize`, {
      method: "POST",
      body: JSON.stringify({ model: realModelId, prompt: france }),
    });
    const { tokens } = (await response.json()) as { tokens: number[] };
    const [{ choices }, several] = [await create({ prompt: tokens }), await create({ prompt: [tokens, tokens.slice(0, 3)] })];
    expect(choices[0]?.text).toContain("Paris");
    expect(several.choices.map(({ index }) => index)).toEqual([0, 1]);
    expect(several.choices[0]?.text).toBe(choices[0]?.text);
    expect(several.usage?.prompt_tokens).toBe(tokens.length + 3);
  });

  it("answers several prompts in their order, several times each, whole and streamed alike", async () => {
    const prompt = [france, "The capital of Italy is", "One, two, three,"];
    const { choices, usage } = await create({ prompt, n: 2, seed: 3 });
    expect(choices.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(choices[2]?.text).toContain("Rome");
    expect(usage?.completion_tokens).toBe(6 * 8);
    const texts = ["", "", "", "", "", ""];
    const ends = new Set<number>();
    for (const { choices: told } of await pieces({ prompt, n: 2, seed: 3 }))
      for (const { index, text, finish_reason } of told) {
        texts[index] += text;
        if (finish_reason !== null) ends.add(index);
      }
    expect(texts).toEqual(choices.map(({ text }) => text));
    expect(ends.size).toBe(6);
  });

  it("repeats the prompt where it is asked to", async () => {
    const { choices } = await create({ echo: true });
    expect(choices[0]?.text).toMatch(/^The capital of France is.*Paris/su);
  });

  it("tells the tokens' probabilities as lists in step, with where each begins", async () => {
    const { choices } = await create({ logprobs: 2 });
    const { tokens = [], token_logprobs = [], top_logprobs = [], text_offset = [] } = choices[0]?.logprobs ?? {};
    const text = choices[0]?.text ?? "";
    expect(tokens).toHaveLength(8);
    expect(tokens.join("")).toBe(text);
    for (const [index, token] of tokens.entries()) {
      expect(text.slice(text_offset[index], (text_offset[index] ?? 0) + token.length)).toBe(token);
      expect(token_logprobs[index]).toBeLessThanOrEqual(0);
      expect(top_logprobs[index]?.[token]).toBe(token_logprobs[index]);
      expect(Object.keys(top_logprobs[index] ?? {})).toHaveLength(2);
    }
    const streamed = (await pieces({ logprobs: 0 })).flatMap((chunk) => chunk.choices[0]?.logprobs?.text_offset ?? []);
    expect(streamed).toEqual(text_offset);
  });

  it("tells the likeliest of several answers, and bills all of them", async () => {
    const body = { temperature: 1.5, seed: 5, max_tokens: 6 };
    const all = await create({ ...body, n: 4, logprobs: 0 });
    const best = await create({ ...body, best_of: 4 });
    const mean = ({ logprobs }: OpenAI.CompletionChoice) => {
      const values = logprobs?.token_logprobs ?? [];
      return values.reduce((total, value) => total + value, 0) / values.length;
    };
    const likeliest = all.choices.toSorted((a, b) => mean(b) - mean(a))[0];
    expect(best.choices).toEqual([{ text: likeliest?.text, index: 0, logprobs: null, finish_reason: likeliest?.finish_reason }]);
    expect(best.usage?.completion_tokens).toBe(all.usage?.completion_tokens);
  });

  it("writes 16 tokens for who does not say how many, and stops where it is told to", async () => {
    expect((await create({ max_tokens: null })).usage?.completion_tokens).toBe(16);
    const { choices } = await create({ stop: ["Paris"] });
    expect(choices).toMatchObject([{ finish_reason: "stop" }]);
    expect(choices[0]?.text).not.toContain("Paris");
  });

  it.each([
    ["prompt", { prompt: null }],
    ["prompt", { prompt: [] }],
    ["prompt", { prompt: 7 }],
    ["prompt[1]", { prompt: ["a", 7] }],
    ["prompt[0]", { prompt: [[]] }],
    ["prompt[1]", { prompt: [5, 99_999_999] }],
    ["prompt[0]", { prompt: [-1] }],
    ["prompt", { prompt: Array.from({ length: 65 }, () => "a") }],
    ["suffix", { suffix: "and so on" }],
    ["logprobs", { logprobs: 2, echo: true }],
    ["logprobs", { logprobs: 21 }],
    ["best_of", { best_of: 2, n: 3 }],
    ["best_of", { best_of: 2, stream: true }],
    ["n", { n: 0 }],
    ["max_tokens", { max_tokens: 0 }],
    ["messages", { messages: [{ role: "user", content: "hi" }] }],
    ["stream_options.include_usage", { stream: true, stream_options: { include_usage: 1 } }],
  ])("names %s where it is at fault: %j", async (param, more) => {
    const error = await openai.completions.create({ ...asked, ...more } as unknown as Body).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(BadRequestError);
    expect(error).toMatchObject({ param, error: { message: expect.stringContaining(param) } });
  });

  it("fails as a whole where one of several prompts is too long", async () => {
    const error = await create({ prompt: [france, "long ".repeat(2000)] }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ status: 400, code: "context_length_exceeded" });
  });
});
