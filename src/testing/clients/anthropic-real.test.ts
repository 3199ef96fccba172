import Anthropic from "@anthropic-ai/sdk";
import { betaTool } from "@anthropic-ai/sdk/helpers/beta/json-schema";
import { jsonSchemaOutputFormat } from "@anthropic-ai/sdk/helpers/json-schema";
import { dirname } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { describeWithRealModel } from "../real-model.ts";
import { realModelId, startTestServer, type TestServer } from "../test-server.ts";

vi.setConfig({ testTimeout: 60_000 });

await describeWithRealModel("Anthropic's client and the real SmolLM2-135M-Instruct", (path) => {
  let server: TestServer;
  let anthropic: Anthropic;
  beforeAll(async () => {
    server = await startTestServer({
      modelsDirectory: dirname(path),
      environment: { LLM_DEFAULT_PROVIDER: "auto", LLM_DEFAULT_MODEL: realModelId },
    });
    anthropic = new Anthropic({ baseURL: server.url, apiKey: "none", maxRetries: 0 });
  }, 120_000);
  afterAll(() => server.close());

  /** The newer client's types have no numbers of drawing, though bodies may. */
  const drawn: object = { temperature: 0 };
  const asked = {
    model: realModelId,
    max_tokens: 24,
    system: "Complete the sentence.",
    messages: [{ role: "user" as const, content: "The capital of France is" }],
    ...drawn,
  };
  const textOf = ({ content }: Pick<Anthropic.Message, "content">) =>
    content.map((block) => (block.type === "text" ? block.text : "")).join("");

  it("knows Paris, whole and streamed in the same words", async () => {
    const whole = await anthropic.messages.create(asked);
    expect(textOf(whole)).toContain("Paris");
    const streamed = await anthropic.messages.stream(asked).finalMessage();
    expect(textOf(streamed)).toBe(textOf(whole));
    expect(streamed.stop_reason).toBe(whole.stop_reason);
  });

  it("counts what it then is billed", async () => {
    const { input_tokens } = await anthropic.messages.countTokens({ model: asked.model, system: asked.system, messages: asked.messages });
    const { usage } = await anthropic.messages.create(asked);
    expect(usage.input_tokens + (usage.cache_read_input_tokens ?? 0)).toBe(input_tokens);
  });

  it("is told at the start of a stream what its end tells, of the cache too", async () => {
    const { input_tokens } = await anthropic.messages.countTokens({ model: asked.model, system: asked.system, messages: asked.messages });
    await anthropic.messages.create(asked);
    const told: (readonly [input: number | null, cached: number | null])[] = [];
    for await (const event of await anthropic.messages.create({ ...asked, stream: true })) {
      const usage = event.type === "message_start" ? event.message.usage : event.type === "message_delta" && event.usage;
      if (usage !== false) told.push([usage.input_tokens, usage.cache_read_input_tokens]);
    }
    const [start, end] = told;
    expect(start).toEqual(end);
    expect(start?.[1]).toBeGreaterThan(0);
    expect((start?.[0] ?? 0) + (start?.[1] ?? 0)).toBe(input_tokens);
  });

  it("goes on with a conversation in which another model's thinking is hidden", async () => {
    const content = [
      { type: "redacted_thinking" as const, data: "aGlkZGVu" },
      { type: "text" as const, text: "It is Paris." },
    ];
    const bare = { ...asked, messages: [...asked.messages, { role: "assistant" as const, content: [content[1]!] }, asked.messages[0]!] };
    const messages = [...asked.messages, { role: "assistant" as const, content }, asked.messages[0]!];
    expect(textOf(await anthropic.messages.create({ ...asked, messages }))).toBe(textOf(await anthropic.messages.create(bare)));
    const [one, two] = await Promise.all(
      [messages, bare.messages].map((all) => anthropic.messages.countTokens({ model: asked.model, messages: all })),
    );
    expect(one).toEqual(two);
  });

  it("goes on from the assistant's own words", async () => {
    const messages = [...asked.messages, { role: "assistant" as const, content: "The capital of France is" }];
    const { content } = await anthropic.messages.create({ ...asked, messages, max_tokens: 4 });
    expect(textOf({ content })).toMatch(/^ Paris/u);
  });

  it("answers in a shape, which its client parses", async () => {
    const schema = {
      type: "object",
      properties: { capital: { enum: ["Paris", "Rome"] } },
      required: ["capital"],
      additionalProperties: false,
    } as const;
    const { parsed_output } = await anthropic.messages.parse({ ...asked, output_config: { format: jsonSchemaOutputFormat(schema) } });
    expect(["Paris", "Rome"]).toContain(parsed_output?.capital);
  });

  it("calls a tool that it must call, and is told the result", async () => {
    const inputSchema = {
      type: "object",
      properties: { city: { enum: ["Paris", "Rome"] } },
      required: ["city"],
      additionalProperties: false,
    } as const;
    const cities: string[] = [];
    const weather = betaTool({
      name: "weather",
      description: "tells the weather",
      inputSchema,
      run: ({ city }) => (cities.push(city), "cold"),
    });
    const calling = { ...asked, max_tokens: 60, tools: [weather], tool_choice: { type: "tool" as const, name: "weather" } };
    const runner = anthropic.beta.messages.toolRunner({ ...calling, max_iterations: 2 });
    const stops: (string | null)[] = [];
    for await (const { stop_reason } of runner) stops.push(stop_reason);
    expect(stops).toEqual(["tool_use", "tool_use"]);
    expect(cities.length).toBeGreaterThan(0);
  });

  it("answers what a coding assistant sends: many tools, marks of caches, thinking, betas", async () => {
    const kept = { cache_control: { type: "ephemeral" as const } };
    const tools = Array.from({ length: 12 }, (_, index) => ({
      name: `Tool${index}`,
      description: "does something",
      input_schema: { type: "object" as const, properties: { path: { type: "string" } }, required: ["path"] },
      ...(index === 11 && kept),
    }));
    const stream = anthropic.beta.messages.stream({
      ...asked,
      system: [
        { type: "text", text: "You are a coding assistant." },
        { type: "text", text: "Be brief.", ...kept },
      ],
      messages: [{ role: "user", content: [{ type: "text", text: "Say hello.", ...kept }] }],
      tools,
      thinking: { type: "adaptive" },
      output_config: { effort: "medium" },
      metadata: { user_id: "user_1" },
      context_management: { edits: [{ type: "clear_thinking_20251015", keep: "all" }] },
      betas: ["claude-code-20250219", "interleaved-thinking-2025-05-14", "context-management-2025-06-27"],
    });
    const message = await stream.finalMessage();
    expect(message.usage.input_tokens + (message.usage.cache_read_input_tokens ?? 0)).toBeGreaterThan(100);
    expect(["end_turn", "max_tokens", "tool_use"]).toContain(message.stop_reason);
  });
});
