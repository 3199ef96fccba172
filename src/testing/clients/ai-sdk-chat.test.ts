import { dirname } from "node:path";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { embedMany, generateObject, generateText, stepCountIs, streamText, tool, type LanguageModel } from "ai";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { describeWithRealModel } from "../real-model.ts";
import { loadAll, realModelId, startTestServer, type TestServer } from "../test-server.ts";
import { scriptedModels, scriptedUpstreams } from "../upstream/scenes.ts";
import { startUpstream, type ScriptedUpstream } from "../upstream/upstream.ts";

// The AI SDK's provider for compatible servers, unmodified: chats, completions and vectors.

// Models are loaded, and the machine may be busy.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

// It tells of what it deprecates on the console.
globalThis.AI_SDK_LOG_WARNINGS = false;

const providerOf = ({ url }: TestServer) =>
  createOpenAICompatible({ name: "parley", baseURL: `${url}/v1`, includeUsage: true, supportsStructuredOutputs: true });
const prompt = "hello";

/** Runs a tool whole or streamed, and tells what was said at the end. */
async function withTool(model: LanguageModel, how: string, execute: (city: string) => string): Promise<string> {
  const weather = tool({ inputSchema: z.object({ city: z.string() }), execute: async ({ city }) => execute(city) });
  const asked = { model, prompt, tools: { weather }, stopWhen: stepCountIs(2) };
  return how === "whole" ? (await generateText(asked)).text : streamText(asked).text;
}

describe("through Parley to upstreams, the AI SDK", () => {
  const calls = [
    { id: "call_a", name: "weather", pieces: ['{"city":', '"Oslo"}'] },
    { id: "call_b", name: "weather", pieces: ['{"city":', '"Rome"}'] },
  ];
  let upstream: ScriptedUpstream;
  let server: TestServer;
  beforeAll(async () => {
    const asking = { answer: ({ body }: { readonly body: unknown }) => (JSON.stringify(body).includes("cold") ? {} : { text: [], calls }) };
    const thinking = { answer: { reasoning: ["so", " it is"] } };
    upstream = await startUpstream({ models: { ...scriptedModels, asking, thinking }, isStrict: false });
    server = await startTestServer({ config: scriptedUpstreams(upstream.url) });
  });
  afterAll(async () => {
    await server.close();
    await upstream.close();
  });

  describe.each(["openai", "anthropic", "ollama"])("of %s", (kind) => {
    const model = (name: string) => providerOf(server)(`${kind}/${name}`);

    it("generates a text", async () => {
      const { text, finishReason, usage } = await generateText({ model: model("text"), prompt, instructions: "be brief" });
      expect([text, finishReason, usage.inputTokens, usage.outputTokens]).toEqual(["one two three", "stop", 7, 3]);
    });

    it("streams a text, usage included", async () => {
      const result = streamText({ model: model("text"), prompt });
      const pieces: string[] = [];
      for await (const piece of result.textStream) pieces.push(piece);
      expect(pieces).toEqual(["one", " two", " three"]);
      expect([await result.finishReason, (await result.usage).outputTokens]).toEqual(["stop", 3]);
    });

    it.each(["whole", "streamed"])("runs tools, several at once, and goes on with what they bring: %s", async (how) => {
      const seen: string[] = [];
      const text = await withTool(model("asking"), how, (city) => (seen.push(city), "cold"));
      expect(seen.toSorted((a, b) => a.localeCompare(b))).toEqual(["Oslo", "Rome"]);
      expect(text).toBe("one two three");
    });

    it("generates an object", async () => {
      const { object } = await generateObject({ model: model("shape"), prompt, schema: z.object({ city: z.string() }) });
      expect(object).toEqual({ city: "Oslo" });
    });

    it("throws where the upstream refuses, and where it breaks off", async () => {
      await expect(generateText({ model: model("invalid"), prompt, maxRetries: 0 })).rejects.toMatchObject({
        statusCode: 400,
        isRetryable: false,
        data: { error: { code: expect.any(String), message: expect.any(String) } },
      });
      const errors: unknown[] = [];
      const result = streamText({ model: model("broken"), prompt, maxRetries: 0, onError: ({ error }) => void errors.push(error) });
      for await (const part of result.fullStream) if (part.type === "error") errors.push(part.error);
      expect(errors.map(String).join()).toContain("ended");
    });
  });

  it("tells thinking apart from the answer", async () => {
    const { reasoningText, text } = await generateText({ model: providerOf(server)("openai/thinking"), prompt });
    expect([reasoningText, text]).toEqual(["so it is", "one two three"]);
  });

  it("embeds", async () => {
    const { embeddings, usage } = await embedMany({ model: providerOf(server).embeddingModel("openai/vectors"), values: ["a b", "c"] });
    expect([embeddings.map((vector) => vector.length), usage.tokens]).toEqual([[4, 4], 3]);
  });
});

describe("a model on this machine embeds for the AI SDK", () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ encoders: { encoder: {} } });
    await loadAll(server);
  });
  afterAll(() => server.close());

  it("as numbers, in their order", async () => {
    const { embeddings, usage } = await embedMany({ model: providerOf(server).embeddingModel("encoder"), values: ["the bread", "river"] });
    expect(embeddings.map((vector) => Math.hypot(...vector))).toEqual([expect.closeTo(1, 4), expect.closeTo(1, 4)]);
    expect(usage.tokens).toBe(7);
  });
});

await describeWithRealModel("the AI SDK and SmolLM2-135M-Instruct", (path) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ modelsDirectory: dirname(path), load: { sequences: 2, contextLength: 1024 } });
  });
  afterAll(() => server.close());
  const model = () => providerOf(server)(realModelId);
  const asked = {
    instructions: "Complete the sentence.",
    prompt: "The capital of France is",
    temperature: 0,
    maxOutputTokens: 24,
  };

  it("write the same text, whole and streamed", async () => {
    const { text, usage } = await generateText({ model: model(), ...asked });
    expect(text).toContain("Paris");
    const streamed = streamText({ model: model(), ...asked });
    expect([await streamed.text, (await streamed.usage).totalTokens]).toEqual([text, usage.totalTokens]);
  });

  it("make an object by its schema", async () => {
    const schema = z.object({ city: z.enum(["Paris", "Rome"]), days: z.int().min(1).max(9) });
    const { object } = await generateObject({ model: model(), prompt: "A trip to Paris for three days.", schema, temperature: 0 });
    expect(schema.parse(object)).toEqual(object);
  });

  it("call a tool that is required", async () => {
    const weather = tool({ inputSchema: z.object({ city: z.enum(["Paris", "Rome"]) }), execute: async () => "cold" });
    const { toolCalls, finishReason } = await generateText({
      model: model(),
      prompt: "What is the weather in Paris?",
      tools: { weather },
      toolChoice: "required",
      temperature: 0,
      maxOutputTokens: 120,
    });
    expect(finishReason).toBe("tool-calls");
    expect(["Paris", "Rome"]).toContain(toolCalls[0]?.dynamic === true ? "" : toolCalls[0]?.input.city);
  });

  it("go on with a prompt by the older API", async () => {
    const { text, finishReason } = await generateText({
      model: providerOf(server).completionModel(realModelId),
      prompt: "The capital of France is",
      temperature: 0,
      maxOutputTokens: 8,
    });
    expect([finishReason, text.length > 0]).toEqual(["length", true]);
  });
});
