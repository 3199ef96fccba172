import { createOpenAI } from "@ai-sdk/openai";
import type { JsonObject } from "@bufbuild/protobuf";
import { generateObject, generateText, stepCountIs, streamText, tool, type ModelMessage } from "ai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { startTestServer, type TestServer } from "../test-server.ts";
import { scriptedModels, scriptedUpstreams } from "../upstream/scenes.ts";
import { startUpstream, type ScriptedUpstream } from "../upstream/upstream.ts";

// The AI SDK's OpenAI provider asks /v1/responses unless it is told otherwise.

const calls = [
  { id: "call_a", name: "weather", pieces: ['{"city":', '"Oslo"}'] },
  { id: "call_b", name: "weather", pieces: ['{"city":', '"Rome"}'] },
];

const upstreamsOf = ({ upstreams }: JsonObject) => (Array.isArray(upstreams) ? upstreams : []);

// It tells of what it deprecates on the console.
globalThis.AI_SDK_LOG_WARNINGS = false;

let upstream: ScriptedUpstream;
let server: TestServer;
let provider: ReturnType<typeof createOpenAI>;
beforeAll(async () => {
  const asking = {
    answer: ({ body }: { readonly body: unknown }) => (JSON.stringify(body).includes("cold") ? {} : { text: ["wait"], calls }),
  };
  const thinking = { answer: { reasoning: ["so", " it is"] } };
  upstream = await startUpstream({ models: { ...scriptedModels, asking, thinking } });
  const vllm = { name: "vllm", kind: "vllm", baseUrl: upstream.url };
  server = await startTestServer({ config: { upstreams: [...upstreamsOf(scriptedUpstreams(upstream.url)), vllm] } });
  provider = createOpenAI({ baseURL: `${server.url}/v1`, apiKey: "none" });
});
afterAll(async () => {
  await server.close();
  await upstream.close();
});

const prompt = "hello";
const openai = { store: false };

describe.each(["openai", "anthropic", "ollama"])("the AI SDK through Parley to %s", (kind) => {
  const model = (name: string) => provider(`${kind}/${name}`);

  it("generates a text", async () => {
    const { text, finishReason, usage } = await generateText({ model: model("text"), prompt, instructions: "be brief" });
    expect([text, finishReason, usage.totalTokens]).toEqual(["one two three", "stop", 10]);
    expect(JSON.stringify(upstream.requests.at(-1)?.body)).toContain("be brief");
  });

  it("streams a text", async () => {
    const result = streamText({ model: model("text"), prompt });
    const pieces: string[] = [];
    for await (const piece of result.textStream) pieces.push(piece);
    expect(pieces).toEqual(["one", " two", " three"]);
    expect([await result.finishReason, (await result.usage).outputTokens]).toEqual(["stop", 3]);
  });

  it.each(["whole", "streamed"])("runs tools, several at once, and goes on with what they bring: %s", async (how) => {
    const seen: string[] = [];
    const weather = tool({
      inputSchema: z.object({ city: z.string() }),
      execute: async ({ city }) => {
        seen.push(city);
        return "cold";
      },
    });
    const asked = { model: model("asking"), prompt, tools: { weather }, stopWhen: stepCountIs(2), providerOptions: { openai } };
    const text = how === "whole" ? (await generateText(asked)).text : await streamText(asked).text;
    expect(seen.toSorted()).toEqual(["Oslo", "Rome"]);
    expect(text).toBe("one two three");
  });

  it("generates an object", async () => {
    const schema = z.object({ city: z.string() });
    const { object } = await generateObject({ model: model("shape"), prompt, schema });
    expect(object).toEqual({ city: "Oslo" });
  });

  it("throws where the upstream refuses, and where it breaks off", async () => {
    await expect(generateText({ model: model("invalid"), prompt, maxRetries: 0 })).rejects.toMatchObject({ statusCode: 400 });
    const errors: unknown[] = [];
    const result = streamText({ model: model("broken"), prompt, maxRetries: 0, onError: ({ error }) => void errors.push(error) });
    for await (const part of result.fullStream) if (part.type === "error") errors.push(part.error);
    expect(JSON.stringify(errors.map((error) => [String(error), error]))).toContain("provider_truncated");
  });
});

describe("a conversation of the AI SDK", () => {
  const second = (messages: readonly ModelMessage[], store?: boolean) =>
    generateText({
      model: provider("vllm/text"),
      messages: [{ role: "user", content: "one" }, ...messages, { role: "user", content: "two" }],
      maxRetries: 0,
      providerOptions: { openai: store === undefined ? {} : { store } },
    });

  it("goes on where nothing is to be kept, thinking included", async () => {
    const first = await generateText({
      model: provider("vllm/thinking"),
      prompt: "one",
      providerOptions: { openai: { store: false, reasoningSummary: "auto", forceReasoning: true } },
    });
    expect([first.reasoningText, first.text]).toEqual(["so it is", "one two three"]);
    const { text } = await second(first.response.messages, false);
    expect(text).toBe("one two three");
    expect(JSON.stringify(upstream.requests.at(-1)?.body)).toContain("so it is");
  });

  it("is told what to do where it refers to what would have been kept", async () => {
    const first = await generateText({ model: provider("vllm/text"), prompt: "one" });
    await expect(second(first.response.messages)).rejects.toThrow(/input\[1\].*store: false/u);
  });
});
