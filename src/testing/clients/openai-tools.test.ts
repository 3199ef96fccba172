import OpenAI from "openai";
import { zodFunction, zodResponseFormat } from "openai/helpers/zod";
import { dirname } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { describeWithRealModel } from "../real-model.ts";
import { realModelId, startTestServer, type TestServer } from "../test-server.ts";

// Models are loaded, and the machine may be busy.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const load = { sequences: 2, contextLength: 1024 };
const Weather = z.object({ city: z.enum(["Paris", "Rome"]), days: z.int().min(1).max(9) });
const call: OpenAI.ChatCompletionFunctionTool = {
  type: "function",
  function: { name: "get_weather", strict: true, parameters: z.toJSONSchema(Weather) as Record<string, unknown> },
};
const time: OpenAI.ChatCompletionFunctionTool = { type: "function", function: { name: "get_time" } };

type Body = OpenAI.ChatCompletionCreateParamsNonStreaming;

const named = { type: "function", function: { name: "get_weather" } } as const;

/** What holds whatever model answers: the helpers of the OpenAI client for Node, unmodified. */
function helpers(model: string, client: () => OpenAI): void {
  const asked = {
    model,
    messages: [{ role: "user" as const, content: "What is the weather in Paris?" }],
    max_tokens: 120,
    temperature: 0,
  };

  it("parses an answer by its schema", async () => {
    const { choices } = await client().chat.completions.parse({ ...asked, response_format: zodResponseFormat(Weather, "weather") });
    expect(Weather.parse(choices[0]?.message.parsed)).toEqual(JSON.parse(choices[0]?.message.content ?? ""));
    expect(choices[0]?.finish_reason).toBe("stop");
  });

  it("parses the arguments of a call that is required", async () => {
    const tools = [zodFunction({ name: "get_weather", parameters: Weather })];
    const { choices } = await client().chat.completions.parse({ ...asked, tools, tool_choice: "required", parallel_tool_calls: false });
    const calls = choices[0]?.message.tool_calls ?? [];
    expect(choices[0]).toMatchObject({ finish_reason: "tool_calls", message: { content: null } });
    expect(calls).toHaveLength(1);
    const [made] = calls;
    if (made?.type !== "function") throw new Error("a function is called");
    expect(Weather.parse(made.function.parsed_arguments)).toEqual(JSON.parse(made.function.arguments));
  });

  it("streams a call of the one that is named, and puts it together", async () => {
    const stream = client().chat.completions.stream({ ...asked, tools: [time, call], tool_choice: named });
    const deltas: string[] = [];
    stream.on("tool_calls.function.arguments.delta", ({ name, arguments_delta: delta }) => deltas.push(`${name}:${delta}`));
    const done = stream.emitted("tool_calls.function.arguments.done");
    const { choices } = await stream.finalChatCompletion();
    const [made] = choices[0]?.message.tool_calls ?? [];
    expect(made).toMatchObject({ type: "function", id: expect.stringMatching(/^call_/), function: { name: "get_weather" } });
    expect(Weather.parse(made?.type === "function" ? JSON.parse(made.function.arguments) : undefined)).toBeDefined();
    expect(deltas.length).toBeGreaterThan(3);
    expect((await done).arguments).toBe(deltas.map((delta) => delta.slice("get_weather:".length)).join(""));
    expect(choices[0]?.finish_reason).toBe("tool_calls");
  });

  it("calls only what is allowed", async () => {
    const tool_choice = {
      type: "allowed_tools",
      allowed_tools: { mode: "required", tools: [{ type: "function", function: { name: "get_time" } }] },
    };
    const body = { ...asked, tools: [call, time], tool_choice, parallel_tool_calls: false } as Body;
    const { choices } = await client().chat.completions.create(body);
    expect(choices[0]?.message.tool_calls).toMatchObject([{ function: { name: "get_time", arguments: "{}" } }]);
  });

  it("runs tools, and goes on with what they bring", async () => {
    const seen: unknown[] = [];
    const getWeather = zodFunction({
      name: "get_weather",
      parameters: Weather,
      function: (given) => {
        seen.push(given);
        return "20 degrees";
      },
    });
    const runner = client().chat.completions.runTools({ ...asked, tools: [getWeather], tool_choice: named }, { maxChatCompletions: 2 });
    await runner.done();
    expect(seen.map((given) => Weather.safeParse(given).success)).toContain(true);
    expect(runner.messages.map(({ role }) => role).slice(0, 3)).toEqual(["user", "assistant", "tool"]);
  });

  it("is told of a call that is cut off as far as it came", async () => {
    const { choices, usage } = await client().chat.completions.create({ ...asked, tools: [call], tool_choice: named, max_tokens: 20 });
    expect(usage?.completion_tokens).toBeLessThanOrEqual(20);
    if (choices[0]?.finish_reason !== "length") return;
    for (const made of choices[0].message.tool_calls ?? []) {
      expect(made.type === "function" && /^(\{[^}]*)?$/.test(made.function.arguments)).toBe(true);
    }
    expect(choices[0].message.content ?? "").toBe("");
  });
}

describe("a model of random weights, for the OpenAI client", () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ models: { tiny: { ends: "sometimes" } }, load });
  });
  afterAll(() => server.close());
  const openai = () => new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 0 });

  helpers("tiny", openai);

  it("gets the first chunk of a call with its name and no arguments, and pieces of them after it", async () => {
    const messages = [{ role: "user" as const, content: "go" }];
    const body = { model: "tiny", messages, tools: [call], tool_choice: "required" as const, parallel_tool_calls: false };
    const deltas = [];
    for await (const { choices } of await openai().chat.completions.create({ ...body, stream: true })) {
      const [choice] = choices;
      if (choice !== undefined) deltas.push({ ...choice.delta, ...(choice.finish_reason !== null && { finish: choice.finish_reason }) });
    }
    expect(deltas[0]).toEqual({ role: "assistant", content: "" });
    expect(deltas[1]).toEqual({
      tool_calls: [{ index: 0, id: expect.stringMatching(/^call_/), type: "function", function: { name: "get_weather", arguments: "" } }],
    });
    for (const delta of deltas.slice(2, -1))
      expect(delta).toEqual({ tool_calls: [{ index: 0, function: { arguments: expect.any(String) } }] });
    expect(deltas.at(-1)).toEqual({ finish: "tool_calls" });
  });

  it("gets an answer by a schema of all kinds that zod writes", async () => {
    const kinds = z.object({
      day: z.iso.date(),
      at: z.iso.datetime().nullable(),
      mail: z.email(),
      scores: z.record(z.string(), z.number()),
      shape: z.discriminatedUnion("kind", [
        z.object({ kind: z.literal("dot") }),
        z.object({ kind: z.literal("line"), length: z.number().positive().max(9) }),
      ]),
    });
    const schema = z.toJSONSchema(kinds) as Record<string, unknown>;
    const messages = [{ role: "user" as const, content: "go" }];
    const body = {
      model: "tiny",
      messages,
      seed: 4,
      max_tokens: 900,
      response_format: { type: "json_schema" as const, json_schema: { name: "kinds", schema } },
    };
    const { choices } = await openai().chat.completions.create(body);
    // Where texts have no bound, an answer of random weights may be longer than its limit.
    if (choices[0]?.finish_reason === "stop") expect(kinds.parse(JSON.parse(choices[0].message.content ?? ""))).toBeDefined();
    else expect(choices[0]).toMatchObject({ finish_reason: "length", message: { content: expect.stringMatching(/^\{"day":/) } });
  });

  it("refuses a schema that no grammar can hold, by its field and keyword", async () => {
    const parameters = { type: "object", properties: { a: { type: "string", pattern: "(?=x)y" } } };
    const tools = [{ type: "function" as const, function: { name: "f", parameters } }];
    const messages = [{ role: "user" as const, content: "go" }];
    const failed = openai().chat.completions.create({ model: "tiny", messages, tools, tool_choice: "required" });
    await expect(failed).rejects.toMatchObject({
      status: 400,
      param: "tools[0].function.parameters",
      message: expect.stringContaining("pattern"),
    });
  });
});

await describeWithRealModel("SmolLM2-135M-Instruct, whose template knows no tools, for the OpenAI client", (path) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ modelsDirectory: dirname(path), load });
  });
  afterAll(() => server.close());

  helpers(realModelId, () => new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 0 }));
});
