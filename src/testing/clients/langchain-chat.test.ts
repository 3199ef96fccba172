import { dirname } from "node:path";
import { HumanMessage, SystemMessage, ToolMessage } from "@langchain/core/messages";
import { ChatOpenAI, OpenAI, OpenAIEmbeddings } from "@langchain/openai";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { describeWithRealModel } from "../real-model.ts";
import { loadAll, realModelId, startTestServer, type TestServer } from "../test-server.ts";
import { scriptedModels, scriptedUpstreams } from "../upstream/scenes.ts";
import { startUpstream, type ScriptedUpstream } from "../upstream/upstream.ts";

// LangChain's models of OpenAI, unmodified, as they ask for chats, completions and vectors.

// Models are loaded, and the machine may be busy.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const of = ({ url }: TestServer) => ({ apiKey: "none", maxRetries: 0, configuration: { baseURL: `${url}/v1` } });
const chatOf = (server: TestServer, model: string, more: object = {}) => new ChatOpenAI({ model, ...of(server), ...more });

const parameters = { type: "object", properties: { city: { enum: ["Oslo", "Rome"] } }, required: ["city"] };
const weather = { type: "function" as const, function: { name: "weather", parameters } };

describe("through Parley to upstreams, LangChain", () => {
  let upstream: ScriptedUpstream;
  let server: TestServer;
  beforeAll(async () => {
    upstream = await startUpstream({ models: scriptedModels });
    server = await startTestServer({ config: scriptedUpstreams(upstream.url) });
  });
  afterAll(async () => {
    await server.close();
    await upstream.close();
  });

  describe.each(["openai", "anthropic", "ollama"])("of %s", (kind) => {
    const model = (name: string) => chatOf(server, `${kind}/${name}`);

    it("gets a whole answer, and what it took", async () => {
      const message = await model("text").invoke("hello");
      expect(message.text).toBe("one two three");
      expect(message.usage_metadata).toMatchObject({ input_tokens: 7, output_tokens: 3, total_tokens: 10 });
      expect(message.response_metadata).toMatchObject({ finish_reason: "stop" });
    });

    it("reads a stream, whose pieces add up to one message", async () => {
      let whole;
      const pieces: string[] = [];
      for await (const chunk of await model("text").stream("hello")) {
        pieces.push(chunk.text);
        whole = whole === undefined ? chunk : whole.concat(chunk);
      }
      expect(pieces.filter((piece) => piece !== "")).toEqual(["one", " two", " three"]);
      expect(whole?.usage_metadata).toMatchObject({ input_tokens: 7, output_tokens: 3, total_tokens: 10 });
      expect(whole?.response_metadata).toMatchObject({ finish_reason: "stop", model_name: `${kind}/text` });
    });

    it.each(["whole", "streamed"])("calls tools, several at once, and sends back what these bring: %s", async (how) => {
      const bound = model("calls").bindTools([weather]);
      let called = await bound.invoke("weather?");
      if (how === "streamed") {
        let whole;
        for await (const chunk of await bound.stream("weather?")) whole = whole === undefined ? chunk : whole.concat(chunk);
        if (whole !== undefined) called = whole;
      }
      expect(called.tool_calls?.map(({ name, args }) => [name, args])).toEqual([
        ["weather", { city: "Oslo" }],
        ["weather", { city: "Rome" }],
      ]);
      const results = (called.tool_calls ?? []).map(({ id }) => new ToolMessage({ tool_call_id: id ?? "", content: "cold" }));
      const after = await model("text").invoke([new SystemMessage("be brief"), new HumanMessage("weather?"), called, ...results]);
      expect(after.text).toBe("one two three");
      expect(JSON.stringify(upstream.requests.at(-1)?.body)).toContain("cold");
    });

    it("gets the shape that it asked for", async () => {
      const shaped = model("shape").withStructuredOutput(z.object({ city: z.string() }), { method: "jsonSchema" });
      expect(await shaped.invoke("where?")).toEqual({ city: "Oslo" });
    });

    it("throws where the upstream refuses, and where it breaks off", async () => {
      await expect(model("invalid").invoke("hello")).rejects.toMatchObject({ status: 400 });
      const read = async () => {
        for await (const chunk of await model("broken").stream("hello")) void chunk;
      };
      await expect(read()).rejects.toThrow(/ended/u);
    });
  });

  it("embeds", async () => {
    const vectors = await new OpenAIEmbeddings({ model: "openai/vectors", ...of(server) }).embedDocuments(["a b", "c"]);
    expect(vectors.map((vector) => vector.length)).toEqual([4, 4]);
  });
});

describe("a model on this machine embeds for LangChain", () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ encoders: { encoder: {} } });
    await loadAll(server);
  });
  afterAll(() => server.close());

  it("texts alike in lists and alone", async () => {
    const embeddings = new OpenAIEmbeddings({ model: "encoder", ...of(server) });
    const [[, second], alone] = [await embeddings.embedDocuments(["the bread", "river"]), await embeddings.embedQuery("river")];
    expect(second).toEqual(alone.map((value) => expect.closeTo(value, 5)));
  });
});

await describeWithRealModel("LangChain and SmolLM2-135M-Instruct", (path) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ modelsDirectory: dirname(path), load: { sequences: 2, contextLength: 1024 } });
  });
  afterAll(() => server.close());
  const model = (more: object = {}) => chatOf(server, realModelId, { temperature: 0, maxTokens: 24, ...more });
  const question = [new SystemMessage("Complete the sentence."), new HumanMessage("The capital of France is")];

  it("write the same text, whole and streamed", async () => {
    const whole = await model().invoke(question);
    expect(whole.text).toContain("Paris");
    let text = "";
    for await (const chunk of await model().stream(question)) text += chunk.text;
    expect(text).toBe(whole.text);
  });

  it("tell the tokens' probabilities", async () => {
    const { response_metadata: told } = await model({ logprobs: true, topLogprobs: 2 }).invoke(question);
    expect((told["logprobs"] as { content: unknown[] }).content.length).toBeGreaterThan(0);
  });

  it("call a tool that is required", async () => {
    const bound = model({ maxTokens: 120 }).bindTools([weather], { tool_choice: "weather" });
    const { tool_calls: calls } = await bound.invoke("What is the weather in Rome?");
    expect(calls?.map(({ name }) => name)).toContain("weather");
    expect(["Oslo", "Rome"]).toContain(calls?.[0]?.args["city"]);
  });

  it("make what a schema describes", async () => {
    const schema = z.object({ city: z.enum(["Paris", "Rome"]), days: z.int().min(1).max(9) });
    const made = await model({ maxTokens: 120 }).withStructuredOutput(schema, { method: "jsonSchema" }).invoke("Three days in Rome.");
    expect(schema.parse(made)).toEqual(made);
  });

  it("go on with a prompt by the older API", async () => {
    const completions = new OpenAI({ model: realModelId, temperature: 0, maxTokens: 8, ...of(server) });
    expect(await completions.invoke("The capital of France is")).toContain("Paris");
  });
});
