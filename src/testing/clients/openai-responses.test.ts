import OpenAI, { APIError, BadRequestError, NotFoundError, RateLimitError } from "openai";
import { zodTextFormat } from "openai/helpers/zod";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { startTestServer, type TestServer } from "../test-server.ts";
import { scriptedModels, scriptedUpstreams } from "../upstream/scenes.ts";
import { startUpstream, type ScriptedUpstream } from "../upstream/upstream.ts";

// OpenAI's own client for Node, at /v1/responses, in front of upstreams of every format.

let upstream: ScriptedUpstream;
let server: TestServer;
let openai: OpenAI;
beforeAll(async () => {
  const signed = {
    answer: { text: [], reasoning: ["so", " it is"], calls: [{ id: "call_a", name: "weather", pieces: ['{"city":"Oslo"}'] }] },
  };
  upstream = await startUpstream({ models: { ...scriptedModels, signed } });
  server = await startTestServer({ config: scriptedUpstreams(upstream.url) });
  openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 0 });
});
afterAll(async () => {
  await server.close();
  await upstream.close();
});

const weather = {
  type: "function" as const,
  name: "weather",
  strict: false,
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
};

/** Names and arguments of the calls of an output. */
function callsOf(output: readonly OpenAI.Responses.ResponseOutputItem[]): unknown[] {
  return output.flatMap((item) => (item.type === "function_call" ? [[item.name, JSON.parse(item.arguments) as unknown]] : []));
}

/** A response without what is its own alone. */
function unnamed({ output, ...rest }: OpenAI.Responses.Response): unknown {
  const same = { id: "", created_at: 0, completed_at: 0, output_parsed: undefined };
  return {
    ...rest,
    ...same,
    output: output.map((item) => ("content" in item ? { ...item, id: "", content: item.content?.map(unparsed) } : { ...item, id: "" })),
  };
}

/** A part without what the client's helper adds. */
function unparsed(part: object): object {
  return { ...part, parsed: undefined };
}

describe.each(["openai", "anthropic", "ollama"])("the OpenAI client's responses through Parley to %s", (kind) => {
  const model = (name: string) => `${kind}/${name}`;

  it("come whole", async () => {
    const response = await openai.responses.create({ model: model("text"), input: "hello", instructions: "be brief" });
    expect(response).toMatchObject({
      object: "response",
      status: "completed",
      model: model("text"),
      instructions: "be brief",
      error: null,
    });
    expect(response.output_text).toBe("one two three");
    expect(response.output).toMatchObject([
      { type: "message", role: "assistant", content: [{ type: "output_text", text: "one two three" }] },
    ]);
    expect(response.usage?.total_tokens).toBe(10);
    expect(JSON.stringify(upstream.requests.at(-1)?.body)).toContain("be brief");
  });

  it("are gathered by its helper, and a stream ends with what comes whole", async () => {
    const deltas: string[] = [];
    const stream = openai.responses.stream({ model: model("text"), input: "hello" });
    stream.on("response.output_text.delta", ({ delta }) => deltas.push(delta));
    const response = await stream.finalResponse();
    expect(deltas.join("")).toBe("one two three");
    expect(response.output_text).toBe("one two three");
    const whole = await openai.responses.create({ model: model("text"), input: "hello" });
    expect(unnamed(response)).toEqual(unnamed(whole));
  });

  it("call tools, several at once, whole and streamed, and take what these bring", async () => {
    const body = { model: model("calls"), input: "weather?", tools: [weather] };
    const whole = await openai.responses.create(body);
    const streamed = await openai.responses.stream(body).finalResponse();
    for (const { output } of [whole, streamed])
      expect(callsOf(output)).toEqual([
        ["weather", { city: "Oslo" }],
        ["weather", { city: "Rome" }],
      ]);
    const results = whole.output.flatMap((item) =>
      item.type === "function_call" ? [{ type: "function_call_output" as const, call_id: item.call_id, output: "cold" }] : [],
    );
    const input = [{ role: "user", content: "weather?" }, ...whole.output, ...results] as OpenAI.Responses.ResponseInput;
    const after = await openai.responses.create({ model: model("text"), input, tools: [weather] });
    expect(after.output_text).toBe("one two three");
    expect(JSON.stringify(upstream.requests.at(-1)?.body)).toContain("cold");
  });

  it("have the shape that was asked for, and the upstream was asked for it", async () => {
    const format = zodTextFormat(z.object({ city: z.string() }), "place");
    const response = await openai.responses.parse({ model: model("shape"), input: "where?", text: { format } });
    expect(response.output_parsed).toEqual({ city: "Oslo" });
    expect(JSON.stringify(upstream.requests.at(-1)?.body)).toContain('"additionalProperties":false');
  });

  it("fail with its own classes before the start", async () => {
    await expect(openai.responses.create({ model: model("invalid"), input: "x" })).rejects.toThrow(BadRequestError);
    const limited = await openai.responses.create({ model: model("limited"), input: "x", stream: true }).catch((error: unknown) => error);
    expect(limited).toBeInstanceOf(RateLimitError);
    expect((limited as RateLimitError).headers?.get("retry-after")).toMatch(/^3[0-3]$/);
  });

  it("fail after the start, read plainly and by its helper, and what was said before is there", async () => {
    const stream = await openai.responses.create({ model: model("broken"), input: "x", stream: true });
    let text = "";
    const read = async () => {
      for await (const event of stream) if (event.type === "response.output_text.delta") text += event.delta;
    };
    const error = await read().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(APIError);
    expect((error as APIError).code).toBe("provider_truncated");
    expect(text).toMatch(/^0 1 /u);
    await expect(openai.responses.stream({ model: model("broken"), input: "x" }).finalResponse()).rejects.toMatchObject({
      code: "provider_truncated",
    });
  });

  it("stop the upstream when they are left", async () => {
    const stream = await openai.responses.create({ model: model("endless"), input: "x", stream: true });
    for await (const event of stream) if (event.type === "response.output_text.delta") break;
    const number = upstream.requests.findLast((request) => request.model === "endless")?.number ?? 0;
    expect(await upstream.closed(number)).toMatchObject({ byClient: true });
  });
});

it("thinking that was signed comes back to who signed it, beside the call that it led to", async () => {
  const body = { model: "anthropic/signed", input: "weather?", tools: [weather], reasoning: { effort: "low" as const } };
  const { output } = await openai.responses.create(body);
  expect(output.map(({ type }) => type)).toEqual(["reasoning", "function_call"]);
  const [thought, call] = output;
  if (thought?.type !== "reasoning" || call?.type !== "function_call") throw new Error("there is no thought");
  const result = { type: "function_call_output" as const, call_id: call.call_id, output: "cold" };
  // As clients that keep nothing but what is sealed.
  const kept = { type: "reasoning" as const, id: thought.id, summary: [], encrypted_content: thought.encrypted_content ?? null };
  await openai.responses.create({ ...body, model: "anthropic/text", input: [{ role: "user", content: "weather?" }, kept, call, result] });
  const sent = JSON.stringify(upstream.requests.at(-1)?.body);
  expect(sent).toMatch(/"type":"thinking","thinking":"so it is","signature":"[^"]+"/u);
});

describe("what keeps nothing between calls", () => {
  it("says so where something kept is asked for", async () => {
    const body = { model: "echo", input: "x" };
    await expect(openai.responses.create({ ...body, previous_response_id: "resp_1" })).rejects.toMatchObject({
      status: 400,
      code: "unsupported_parameter",
      param: "previous_response_id",
    });
    await expect(openai.responses.create({ ...body, store: true })).rejects.toMatchObject({ param: "store" });
    await expect(openai.responses.retrieve("resp_1")).rejects.toThrow(NotFoundError);
    await expect(openai.responses.delete("resp_1")).rejects.toThrow(/no response is kept/u);
    await expect(openai.responses.cancel("resp_1")).rejects.toThrow(NotFoundError);
    const kept = await openai.responses.create(body);
    expect((kept as { store?: boolean }).store).toBe(false);
  });
});
