import Anthropic, { APIError, BadRequestError, InternalServerError, OverloadedError, RateLimitError } from "@anthropic-ai/sdk";
import { betaTool } from "@anthropic-ai/sdk/helpers/beta/json-schema";
import { jsonSchemaOutputFormat } from "@anthropic-ai/sdk/helpers/json-schema";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestServer, type TestServer } from "../test-server.ts";
import { anthropicScenes, scriptedUpstreams } from "../upstream/scenes.ts";
import { startUpstream, type ScriptedUpstream } from "../upstream/upstream.ts";

// Anthropic's own client, which knows nothing of Parley, in front of upstreams of every format.

let upstream: ScriptedUpstream;
let server: TestServer;
let anthropic: Anthropic;
beforeAll(async () => {
  upstream = await startUpstream({ models: anthropicScenes });
  server = await startTestServer({ config: scriptedUpstreams(upstream.url) });
  anthropic = new Anthropic({ baseURL: server.url, apiKey: "none", maxRetries: 0 });
});
afterAll(async () => {
  await server.close();
  await upstream.close();
});

const messages = [{ role: "user" as const, content: "hello" }];
const schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false } as const;
const tools = [{ name: "weather", description: "tells the weather", input_schema: { ...schema, required: ["city"] } }];

describe.each(["openai", "anthropic", "ollama"])("the Anthropic client through Parley to %s", (kind) => {
  const asked = (name: string) => ({ model: `${kind}/${name}`, max_tokens: 2000, messages });

  it("gets a whole answer, under the name that it asked for", async () => {
    const answer = await anthropic.messages.create(asked("text"));
    expect(answer).toMatchObject({
      model: `${kind}/text`,
      content: [{ type: "text", text: "one two three" }],
      stop_reason: "end_turn",
      usage: { input_tokens: 7, output_tokens: 3 },
    });
  });

  it("gathers a stream with its helper", async () => {
    const whole = await anthropic.messages.create(asked("text"));
    const streamed = await anthropic.messages.stream(asked("text")).finalMessage();
    expect(streamed).toMatchObject({ ...whole, id: expect.stringMatching(/^msg_/) as string });
  });

  it("reads the prompt's tokens at the start of a stream, as the upstream tells them if it does", async () => {
    const stream = await anthropic.messages.create({ ...asked("thinks"), stream: true });
    let begun: Anthropic.Usage | undefined;
    for await (const event of stream) if (event.type === "message_start") begun = event.message.usage;
    if (kind === "anthropic") expect(begun).toMatchObject({ input_tokens: 10, cache_read_input_tokens: 30, output_tokens: 0 });
    else expect(begun?.input_tokens).toBeGreaterThan(0);
  });

  it("gets tool calls, several at once, whole and streamed", async () => {
    const calling = { ...asked("calls"), tools };
    const answers = [await anthropic.messages.create(calling), await anthropic.messages.stream(calling).finalMessage()];
    for (const { content, stop_reason } of answers) {
      expect(stop_reason).toBe("tool_use");
      expect(content).toMatchObject([
        { type: "tool_use", name: "weather", input: { city: "Oslo" } },
        { type: "tool_use", name: "weather", input: { city: "Rome" } },
      ]);
    }
  });

  it.each([false, true])("runs tools until there is an answer, streamed: %s", async (stream) => {
    const cities: string[] = [];
    const weather = betaTool({
      name: "weather",
      description: "tells the weather",
      inputSchema: schema,
      run: ({ city }) => (cities.push(city), "cold"),
    });
    const runner = anthropic.beta.messages.toolRunner({ ...asked("asks"), tools: [weather], stream });
    const final = await runner.runUntilDone();
    expect(final.content).toMatchObject([{ type: "text", text: "one two three" }]);
    expect(cities).toEqual(["Oslo"]);
    // It would rather have the conversation kept for it, and is told that nobody does.
    const last = JSON.stringify(upstream.requests.at(-1)?.body);
    for (const word of ["hello", "Oslo", "cold", "tells the weather"]) expect(last).toContain(word);
  });

  it("gets an answer of the shape that it asked for, and the upstream was asked for it", async () => {
    const answer = await anthropic.messages.parse({ ...asked("shape"), output_config: { format: jsonSchemaOutputFormat(schema) } });
    expect(answer.parsed_output).toEqual({ city: "Oslo" });
    expect(JSON.stringify(upstream.requests.at(-1)?.body)).toContain('"additionalProperties":false');
  });

  it("gets thinking apart from the words, and tells it again in its next turn", async () => {
    const thought = { ...asked("thinks"), thinking: { type: "enabled" as const, budget_tokens: 1024 } };
    const whole = await anthropic.messages.create(thought);
    const streamed = await anthropic.messages.stream(thought).finalMessage();
    for (const { content } of [whole, streamed])
      expect(content).toMatchObject([
        { type: "thinking", thinking: "hm so" },
        { type: "text", text: "one two three" },
      ]);
    expect(streamed.usage).toEqual(whole.usage);
    // Who knows no budget is told how hard to think.
    const told = { openai: '"reasoning_effort":"low"', anthropic: '"budget_tokens":1024', ollama: '"think":' }[kind] ?? "";
    expect(JSON.stringify(upstream.requests.at(-1)?.body)).toContain(told);
    const next = [...messages, { role: "assistant" as const, content: streamed.content }, { role: "user" as const, content: "go on" }];
    await anthropic.messages.create({ ...asked("text"), messages: next });
    expect(JSON.stringify(upstream.requests.at(-1)?.body)).toContain("one two three");
  });

  it("answers what a coding assistant sends: many tools, marks of caches, thinking, betas", async () => {
    const kept = { cache_control: { type: "ephemeral" as const } };
    const many = Array.from({ length: 40 }, (_, index) => ({ ...tools[0]!, name: `Tool${index}`, ...(index === 39 && kept) }));
    const stream = anthropic.beta.messages.stream({
      ...asked("text"),
      system: [{ type: "text", text: "You are a coding assistant.", ...kept }],
      messages: [{ role: "user", content: [{ type: "text", text: "Say hello.", ...kept }] }],
      tools: many,
      thinking: { type: "adaptive" },
      output_config: { effort: "medium" },
      metadata: { user_id: "user_1" },
      context_management: { edits: [{ type: "clear_thinking_20251015", keep: "all" }] },
      betas: ["claude-code-20250219", "interleaved-thinking-2025-05-14", "context-management-2025-06-27"],
    });
    expect((await stream.finalMessage()).content).toMatchObject([{ type: "text", text: "one two three" }]);
    const told = JSON.stringify(upstream.requests.at(-1)?.body);
    for (const word of ["Tool0", "Tool39", "You are a coding assistant."]) expect(told).toContain(word);
    expect(told.match(/ephemeral/g)?.length ?? 0).toBe(kind === "anthropic" ? 3 : 0);
  });

  it("throws its own classes for errors before the start", async () => {
    await expect(anthropic.messages.create(asked("invalid"))).rejects.toThrow(BadRequestError);
    const limited = await anthropic.messages.create({ ...asked("limited"), stream: true }).catch((error: unknown) => error);
    expect(limited).toBeInstanceOf(RateLimitError);
    expect((limited as RateLimitError).headers?.get("retry-after")).toMatch(/^3[0-3]$/);
    await expect(anthropic.messages.create(asked("key"))).rejects.toThrow(InternalServerError);
    const overloaded = await anthropic.messages.create(asked("overloaded")).catch((error: unknown) => error);
    expect(overloaded).toBeInstanceOf(OverloadedError);
    expect(overloaded).toMatchObject({ status: 529, type: "overloaded_error" });
  });

  it("throws after the start, and has what was said before", async () => {
    const stream = await anthropic.messages.create({ ...asked("broken"), stream: true });
    let text = "";
    const read = async () => {
      for await (const event of stream)
        if (event.type === "content_block_delta" && event.delta.type === "text_delta") text += event.delta.text;
    };
    const error = await read().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(APIError);
    expect(error).toMatchObject({ type: "api_error" });
    expect(text).toMatch(/^0 1 /u);
  });

  it("stops the upstream when it stops", async () => {
    const stream = await anthropic.messages.create({ ...asked("endless"), stream: true });
    for await (const { type } of stream) if (type === "content_block_delta") break;
    const number = upstream.requests.findLast((request) => request.model === "endless")?.number ?? 0;
    expect(await upstream.closed(number)).toMatchObject({ byClient: true });
  });

  it("is told that a count is an estimate where nobody counts", async () => {
    const counted = await anthropic.messages.countTokens({ model: `${kind}/text`, messages });
    expect(counted).toEqual({ input_tokens: expect.any(Number) as number, estimated: true });
  });
});
