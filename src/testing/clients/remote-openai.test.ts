import OpenAI, { APIError, BadRequestError, InternalServerError, RateLimitError } from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestServer, type TestServer } from "../test-server.ts";
import { scriptedModels, scriptedUpstreams } from "../upstream/scenes.ts";
import { startUpstream, type ScriptedUpstream } from "../upstream/upstream.ts";

// OpenAI's own client, which knows nothing of Parley, in front of upstreams of every format.

let upstream: ScriptedUpstream;
let server: TestServer;
let openai: OpenAI;
beforeAll(async () => {
  const again = { answer: ({ body }: { readonly body: unknown }) => (JSON.stringify(body).includes("cold") ? {} : oneCall) };
  upstream = await startUpstream({ models: { ...scriptedModels, again } });
  server = await startTestServer({ config: scriptedUpstreams(upstream.url) });
  openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 0 });
});
afterAll(async () => {
  await server.close();
  await upstream.close();
});

const oneCall = { text: [], calls: [{ id: "call_a", name: "weather", pieces: ['{"city":', '"Oslo"}'] }] };
const messages = [{ role: "user" as const, content: "hello" }];
const tools = [
  {
    type: "function" as const,
    function: { name: "weather", parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] } },
  },
];

/** Names and arguments of the calls in a message. */
function callsOf(message: OpenAI.ChatCompletionMessage | undefined): unknown[] {
  const functions = (message?.tool_calls ?? []).flatMap((call) => (call.type === "function" ? [call.function] : []));
  return functions.map(({ name, arguments: words }) => [name, JSON.parse(words) as unknown]);
}

describe.each(["openai", "anthropic", "ollama"])("the OpenAI client through Parley to %s", (kind) => {
  const model = (name: string) => `${kind}/${name}`;

  it("gets a whole answer, under the name that it asked for", async () => {
    const answer = await openai.chat.completions.create({ model: model("text"), messages });
    expect(answer).toMatchObject({ model: model("text"), choices: [{ message: { content: "one two three" }, finish_reason: "stop" }] });
    expect(answer.usage?.total_tokens).toBe(10);
  });

  it("gathers a stream with its helper", async () => {
    const whole = await openai.chat.completions
      .stream({ model: model("text"), messages, stream_options: { include_usage: true } })
      .finalChatCompletion();
    expect(whole.choices[0]).toMatchObject({ message: { role: "assistant", content: "one two three" }, finish_reason: "stop" });
    expect(whole.usage?.completion_tokens).toBe(3);
  });

  const calling = () => ({
    model: model("calls"),
    messages,
    tools,
    tool_choice: kind === "ollama" ? ("auto" as const) : ("required" as const),
  });

  it("gets tool calls, several at once, whole and streamed", async () => {
    const whole = await openai.chat.completions.create(calling());
    const streamed = await openai.chat.completions.stream(calling()).finalChatCompletion();
    for (const { choices } of [whole, streamed]) {
      expect(choices[0]?.finish_reason).toBe("tool_calls");
      expect(callsOf(choices[0]?.message)).toEqual([
        ["weather", { city: "Oslo" }],
        ["weather", { city: "Rome" }],
      ]);
    }
  });

  it("sends tools' results back", async () => {
    const { choices } = await openai.chat.completions.create(calling());
    const [choice] = choices;
    if (choice === undefined) throw new Error("there is no choice");
    const said = choice.message;
    const results = (said.tool_calls ?? []).map(({ id }) => ({ role: "tool" as const, tool_call_id: id, content: "cold" }));
    const after = await openai.chat.completions.create({ model: model("text"), messages: [...messages, said, ...results], tools });
    expect(after.choices[0]?.message.content).toBe("one two three");
    expect(JSON.stringify(upstream.requests.at(-1)?.body)).toContain("cold");
  });

  it.each([false, true])("runs tools, and goes on with what they bring, streamed: %s", async (stream) => {
    const seen: unknown[] = [];
    const weather = {
      type: "function" as const,
      function: {
        name: "weather",
        description: "tells the weather",
        parameters: { type: "object", properties: { city: { type: "string" } } },
        parse: (text: string) => JSON.parse(text) as object,
        function: (given: object) => (seen.push(given), "cold"),
      },
    };
    const asked = { model: model("again"), messages, tools: [weather] };
    const runner = stream ? openai.chat.completions.runTools({ ...asked, stream }) : openai.chat.completions.runTools(asked);
    expect([await runner.finalContent(), seen]).toEqual(["one two three", [{ city: "Oslo" }]]);
    expect(runner.messages.map(({ role }) => role)).toEqual(["user", "assistant", "tool", "assistant"]);
  });

  it("gets an answer of the shape that it asked for, and the upstream was asked for it", async () => {
    const schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false };
    const response_format = { type: "json_schema" as const, json_schema: { name: "place", strict: true, schema } };
    const answer = await openai.chat.completions.parse({ model: model("shape"), messages, response_format });
    expect(answer.choices[0]?.message.parsed).toEqual({ city: "Oslo" });
    expect(JSON.stringify(upstream.requests.at(-1)?.body)).toContain('"additionalProperties":false');
  });

  it("throws its own classes for errors before the start", async () => {
    await expect(openai.chat.completions.create({ model: model("invalid"), messages })).rejects.toThrow(BadRequestError);
    const limited = await openai.chat.completions
      .create({ model: model("limited"), messages, stream: true })
      .catch((error: unknown) => error);
    expect(limited).toBeInstanceOf(RateLimitError);
    expect((limited as RateLimitError).headers?.get("retry-after")).toMatch(/^3[0-3]$/);
    await expect(openai.chat.completions.create({ model: model("key"), messages })).rejects.toThrow(InternalServerError);
  });

  it("throws after the start, and has what was said before", async () => {
    const stream = await openai.chat.completions.create({ model: model("broken"), messages, stream: true });
    let text = "";
    const read = async () => {
      for await (const { choices } of stream) text += choices[0]?.delta.content ?? "";
    };
    const error = await read().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(APIError);
    expect((error as APIError).code).toBe("provider_truncated");
    expect(text).toMatch(/^0 1 /u);
  });

  it("stops the upstream when it stops", async () => {
    const stream = await openai.chat.completions.create({ model: model("endless"), messages, stream: true });
    for await (const { choices } of stream) if ((choices[0]?.delta.content ?? "") !== "") break;
    const number = upstream.requests.findLast((request) => request.model === "endless")?.number ?? 0;
    expect(await upstream.closed(number)).toMatchObject({ byClient: true });
  });
});

it.each(["openai", "ollama"])("the OpenAI client embeds through Parley by %s", async (kind) => {
  const { data, usage } = await openai.embeddings.create({ model: `${kind}/vectors`, input: ["a b", "c"] });
  expect(data.map(({ index, embedding }) => [index, embedding.length])).toEqual([
    [0, 4],
    [1, 4],
  ]);
  expect(usage.prompt_tokens).toBe(3);
});
