import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadConfig } from "../../../config.ts";
import { startTestServer, type TestServer } from "../../../testing/test-server.ts";
import { startUpstream, type ScriptedUpstream } from "../../../testing/upstream/upstream.ts";

let upstream: ScriptedUpstream;
beforeAll(async () => {
  upstream = await startUpstream({ turns: [{ answer: { reasoning: ["so", " it is"] } }], isStrict: false });
});
afterAll(() => upstream.close());

const messages = [{ role: "user" as const, content: "hi" }];

async function withServer(environment: Readonly<Record<string, string>>, use: (openai: OpenAI) => Promise<void>): Promise<void> {
  const config = { upstreams: [{ name: "vllm", kind: "vllm", baseUrl: upstream.url }] };
  const server: TestServer = await startTestServer({ config, environment });
  try {
    await use(new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 0 }));
  } finally {
    await server.close();
  }
}

describe("thinking is told", () => {
  it.each([
    [undefined, ["reasoning_content"]],
    ["reasoning", ["reasoning"]],
    ["both", ["reasoning_content", "reasoning"]],
  ])("under the keys that LLM_THINKING_FIELD=%s names, whole and streamed", async (word, keys) => {
    const told = Object.fromEntries(keys.map((key) => [key, "so it is"]));
    const thoughts = (message: object) => Object.fromEntries(Object.entries(message).filter(([key]) => key.startsWith("reasoning")));
    await withServer(word === undefined ? {} : { LLM_THINKING_FIELD: word }, async (openai) => {
      const { choices } = await openai.chat.completions.create({ model: "vllm/m", messages });
      expect(thoughts(choices[0]?.message ?? {})).toEqual(told);
      const streamed: Record<string, string> = {};
      for await (const chunk of await openai.chat.completions.create({ model: "vllm/m", messages, stream: true }))
        for (const [key, piece] of Object.entries(thoughts(chunk.choices[0]?.delta ?? {})))
          streamed[key] = (streamed[key] ?? "") + String(piece);
      expect(streamed).toEqual(told);
    });
  });

  it("under no other", () => {
    expect(() => loadConfig({ environment: { LLM_THINKING_FIELD: "thoughts" } })).toThrow(
      /LLM_THINKING_FIELD.*reasoning_content, reasoning, both/,
    );
  });
});

describe("a field that nobody knows", () => {
  const chat = { model: "echo", messages, frobnicate: 1 } as OpenAI.ChatCompletionCreateParamsNonStreaming;
  const prompt = { model: "vllm/m", prompt: "a", frobnicate: 1 } as OpenAI.CompletionCreateParamsNonStreaming;
  const texts = { model: "echo", input: "a", frobnicate: 1 } as OpenAI.EmbeddingCreateParams;

  it("is ignored, unless LLM_REFUSE_UNKNOWN_FIELDS says otherwise", async () => {
    await withServer({}, async (openai) => {
      expect((await openai.chat.completions.create(chat)).choices).toHaveLength(1);
      expect((await openai.completions.create(prompt)).choices).toHaveLength(1);
    });
    await withServer({ LLM_REFUSE_UNKNOWN_FIELDS: "true" }, async (openai) => {
      const asking = [
        () => openai.chat.completions.create(chat),
        () => openai.completions.create(prompt),
        () => openai.embeddings.create(texts),
      ];
      for (const ask of asking) await expect(ask()).rejects.toMatchObject({ status: 400, param: "frobnicate", code: "invalid_value" });
      const known = { model: "echo", messages, tools: null, guided_json: null, functions: null, n: 1, top_k: 1 };
      const body = known as unknown as OpenAI.ChatCompletionCreateParamsNonStreaming;
      expect((await openai.chat.completions.create(body)).choices).toHaveLength(1);
    });
  });
});
