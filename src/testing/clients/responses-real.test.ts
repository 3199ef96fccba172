import { dirname, join } from "node:path";
import { createOpenAI } from "@ai-sdk/openai";
import { ChatOpenAI } from "@langchain/openai";
import { generateObject, generateText, streamText, tool } from "ai";
import OpenAI from "openai";
import { zodResponsesFunction, zodTextFormat } from "openai/helpers/zod";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { describeWithRealModel } from "../real-model.ts";
import { realModelId, startTestServer, type TestServer } from "../test-server.ts";
import { missing, pythonPath, run } from "../tools.ts";

// The clients of /v1/responses in front of the real default model. Its template puts a system message of its own before a conversation without one.

vi.setConfig({ testTimeout: 60_000 });
// It tells of what it deprecates on the console.
globalThis.AI_SDK_LOG_WARNINGS = false;

const instructions = "Complete the sentence.";
const question = "The capital of France is";
const Place = z.object({ city: z.enum(["Paris", "Rome"]) });

await describeWithRealModel("SmolLM2-135M-Instruct at /v1/responses", (path) => {
  let server: TestServer;
  let baseURL: string;
  beforeAll(async () => {
    server = await startTestServer({ modelsDirectory: dirname(path), load: { sequences: 2, contextLength: 1024 } });
    baseURL = `${server.url}/v1`;
  }, 120_000);
  afterAll(() => server.close());

  describe("for the OpenAI client for Node", () => {
    const openai = () => new OpenAI({ baseURL, apiKey: "none", maxRetries: 0 });
    const body = { model: realModelId, instructions, input: question, temperature: 0, max_output_tokens: 24 };

    it("knows Paris, whole and streamed, in the same words, with the probability of each token", async () => {
      const whole = await openai().responses.create({ ...body, include: ["message.output_text.logprobs"], top_logprobs: 2 });
      const streamed = await openai().responses.stream(body).finalResponse();
      expect(whole.output_text).toContain("Paris");
      expect(streamed.output_text).toBe(whole.output_text);
      const [message] = whole.output;
      const part = message?.type === "message" ? message.content[0] : undefined;
      const logprobs = part?.type === "output_text" ? (part.logprobs ?? []) : [];
      expect(logprobs.map(({ token }) => token).join("")).toBe(whole.output_text);
      expect(logprobs.every(({ top_logprobs }) => top_logprobs.length === 2)).toBe(true);
      expect(whole.usage?.output_tokens).toBeGreaterThan(1);
    });

    it("is incomplete where it is cut off", async () => {
      const cut = await openai().responses.create({ ...body, max_output_tokens: 2 });
      expect([cut.status, cut.incomplete_details, cut.usage?.output_tokens]).toEqual(["incomplete", { reason: "max_output_tokens" }, 2]);
    });

    it("has the shape that was asked for, and calls the tool that must be called, parsed by its helpers", async () => {
      const shaped = await openai().responses.parse({ ...body, text: { format: zodTextFormat(Place, "place") } });
      expect(Place.parse(shaped.output_parsed)).toEqual(shaped.output_parsed);
      const visit = zodResponsesFunction({ name: "visit", parameters: Place });
      const called = await openai().responses.parse({ ...body, max_output_tokens: 100, tools: [visit], tool_choice: "required" });
      const [call] = called.output.filter((item) => item.type === "function_call");
      expect([call?.name, Place.safeParse(call?.parsed_arguments).success]).toEqual(["visit", true]);
    });
  });

  describe("for the AI SDK", () => {
    const asked = () => ({ model: createOpenAI({ baseURL, apiKey: "none" })(realModelId), instructions, prompt: question, temperature: 0 });

    it("knows Paris, whole and streamed", async () => {
      const { text } = await generateText({ ...asked(), maxOutputTokens: 24 });
      expect(text).toContain("Paris");
      expect(await streamText({ ...asked(), maxOutputTokens: 24 }).text).toBe(text);
    });

    it("generates an object, and runs a tool", async () => {
      const { object } = await generateObject({ ...asked(), schema: Place });
      expect(Place.parse(object)).toEqual(object);
      const visited: string[] = [];
      const visit = tool({ inputSchema: Place, execute: async ({ city }) => void visited.push(city) });
      const { toolCalls } = await generateText({ ...asked(), tools: { visit }, toolChoice: "required", maxOutputTokens: 100 });
      expect(toolCalls.map(({ toolName }) => toolName)).toContain("visit");
      expect(visited.length).toBe(toolCalls.length);
    });
  });

  describe("for LangChain", () => {
    const model = () =>
      new ChatOpenAI({
        model: realModelId,
        useResponsesApi: true,
        apiKey: "none",
        temperature: 0,
        maxTokens: 24,
        configuration: { baseURL },
      });
    const messages = [
      { role: "system", content: instructions },
      { role: "user", content: question },
    ];

    it("knows Paris, whole and streamed, and has the shape that was asked for", async () => {
      const { text } = await model().invoke(messages);
      expect(text).toContain("Paris");
      let streamed = "";
      for await (const chunk of await model().stream(messages)) streamed += chunk.text;
      expect(streamed).toBe(text);
      expect(Place.safeParse(await model().withStructuredOutput(Place).invoke(messages)).success).toBe(true);
    });
  });

  describe.skipIf(missing.python !== undefined)(
    `for the OpenAI client for Python${missing.python ? ` (skipped: ${missing.python})` : ""}`,
    () => {
      const script = join(import.meta.dirname, "..", "python", "responses.py");

      it("is whole, and streamed by its helper; every event is what its models say, strictly", async () => {
        // It may be cut off.
        const ended = expect.stringMatching(/^(completed|incomplete)$/u) as unknown;
        const check = async (name: string) => {
          const ran = await run(pythonPath(), [script, server.url, name, realModelId]);
          expect(ran).toMatchObject({ exitCode: 0, stderr: "" });
          return JSON.parse(ran.stdout) as unknown[];
        };
        expect(await check("whole")).toEqual([expect.stringMatching(/\w/), ended, expect.any(Number)]);
        const [deltas, text] = await check("streamed");
        expect(deltas).toBe(text);
        const [types, absent] = (await check("strict")) as [string[], string[]];
        expect([types[0], types.at(-1)?.replace("response.", ""), absent]).toEqual(["response.created", ended, []]);
      });
    },
  );
});
