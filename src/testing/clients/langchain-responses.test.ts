import { AIMessage, HumanMessage, ToolMessage } from "@langchain/core/messages";
import { ChatOpenAI } from "@langchain/openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { startTestServer, type TestServer } from "../test-server.ts";
import { scriptedModels, scriptedUpstreams } from "../upstream/scenes.ts";
import { startUpstream, type ScriptedUpstream } from "../upstream/upstream.ts";

// LangChain's OpenAI model, told to ask /v1/responses.

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

const weather = {
  type: "function" as const,
  function: { name: "weather", parameters: { type: "object", properties: { city: { type: "string" } } } },
};

describe.each(["openai", "anthropic", "ollama"])("LangChain's responses through Parley to %s", (kind) => {
  const model = (name: string) =>
    new ChatOpenAI({
      model: `${kind}/${name}`,
      useResponsesApi: true,
      apiKey: "none",
      maxRetries: 0,
      configuration: { baseURL: `${server.url}/v1` },
    });

  it("come whole", async () => {
    const message = await model("text").invoke("hello");
    expect(message.text).toBe("one two three");
    expect(message.usage_metadata).toMatchObject({ input_tokens: 7, output_tokens: 3, total_tokens: 10 });
  });

  it("are streamed", async () => {
    const pieces: string[] = [];
    for await (const chunk of await model("text").stream("hello")) pieces.push(chunk.text);
    expect(pieces.filter((piece) => piece !== "")).toEqual(["one", " two", " three"]);
  });

  it("call tools, several at once, and take what these bring", async () => {
    const called = await model("calls").bindTools([weather]).invoke("weather?");
    expect(called.tool_calls?.map(({ name, args }) => [name, args])).toEqual([
      ["weather", { city: "Oslo" }],
      ["weather", { city: "Rome" }],
    ]);
    const results = (called.tool_calls ?? []).map(({ id }) => new ToolMessage({ tool_call_id: id ?? "", content: "cold" }));
    const after = await model("text").invoke([new HumanMessage("weather?"), called, ...results]);
    expect(after.text).toBe("one two three");
    expect(JSON.stringify(upstream.requests.at(-1)?.body)).toContain("cold");
  });

  it("have the shape that was asked for", async () => {
    const shaped = model("shape").withStructuredOutput(z.object({ city: z.string() }));
    expect(await shaped.invoke("where?")).toEqual({ city: "Oslo" });
  });

  it("go on in a conversation", async () => {
    const messages = [
      new HumanMessage("one"),
      await model("text").invoke("one"),
      new HumanMessage("two"),
      new AIMessage("so"),
      new HumanMessage("three"),
    ];
    expect((await model("text").invoke(messages)).text).toBe("one two three");
  });

  it("throw where the upstream refuses, and where it breaks off", async () => {
    await expect(model("invalid").invoke("hello")).rejects.toMatchObject({ status: 400 });
    const read = async () => {
      let text = "";
      for await (const chunk of await model("broken").stream("hello")) text += chunk.text;
      return text;
    };
    await expect(read()).rejects.toThrow(/ended/u);
  });
});
