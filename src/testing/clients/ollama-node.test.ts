import { Ollama, type ChatResponse, type Tool } from "ollama";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestServer, type TestServer } from "../test-server.ts";
import { scriptedModels, scriptedUpstreams } from "../upstream/scenes.ts";
import { startUpstream, type ScriptedUpstream } from "../upstream/upstream.ts";

// Ollama's own client, which knows nothing of Parley, in front of upstreams of every format.

let upstream: ScriptedUpstream;
let server: TestServer;
let ollama: Ollama;
beforeAll(async () => {
  const thinks = { answer: { reasoning: ["h", "m"], text: ["so"] } };
  upstream = await startUpstream({ models: { ...scriptedModels, thinks } });
  server = await startTestServer({ config: scriptedUpstreams(upstream.url) });
  ollama = new Ollama({ host: server.url });
});
afterAll(async () => {
  await server.close();
  await upstream.close();
});

const messages = [{ role: "user", content: "hello" }];
const properties = { city: { type: "string" } };
const tools: Tool[] = [{ type: "function", function: { name: "weather", parameters: { type: "object", properties, required: ["city"] } } }];

async function gathered<Part>(parts: AsyncIterable<Part>): Promise<Part[]> {
  const all: Part[] = [];
  for await (const part of parts) all.push(part);
  return all;
}

const saidIn = (parts: readonly ChatResponse[]) => parts.map(({ message }) => message.content).join("");
const callsIn = (parts: readonly ChatResponse[]) =>
  parts.flatMap(({ message }) => message.tool_calls ?? []).map(({ function: { name, arguments: given } }) => [name, given]);

describe.each(["openai", "anthropic", "ollama"])("the Ollama client through Parley to %s", (kind) => {
  const model = (name: string) => `${kind}/${name}`;

  it("gets a whole answer, under the name that it asked for", async () => {
    const answer = await ollama.chat({ model: model("text"), messages });
    expect(answer).toMatchObject({
      model: model("text"),
      message: { role: "assistant", content: "one two three" },
      done: true,
      done_reason: "stop",
      eval_count: 3,
    });
    expect(Math.abs(Date.now() - new Date(answer.created_at).getTime())).toBeLessThan(60_000);
  });

  it("finds a model with the tag that it is listed with, and is told that name", async () => {
    const answer = await ollama.generate({ model: `${model("text")}:latest`, prompt: "hello" });
    expect([answer.model, answer.response]).toEqual([`${model("text")}:latest`, "one two three"]);
    expect(upstream.requests.at(-1)?.model).toBe("text");
  });

  it("reads a stream, whose last line tells what it took", async () => {
    const parts = await gathered(await ollama.chat({ model: model("text"), messages, stream: true }));
    expect([saidIn(parts), parts.filter(({ done }) => done).length]).toEqual(["one two three", 1]);
    expect(parts.length).toBeGreaterThan(3);
    expect(parts.at(-1)).toMatchObject({ done: true, done_reason: "stop", eval_count: 3, prompt_eval_count: 7 });
    expect(parts.at(-1)?.total_duration).toEqual(expect.any(Number));
    const texts = await gathered(await ollama.generate({ model: model("text"), prompt: "hello", system: "be brief", stream: true }));
    expect(texts.map(({ response }) => response).join("")).toBe("one two three");
    expect(JSON.stringify(upstream.requests.at(-1)?.body)).toContain("be brief");
  });

  it("gets tool calls, several at once, whole and streamed, and sends results back", async () => {
    const whole = await ollama.chat({ model: model("calls"), messages, tools });
    const streamed = await gathered(await ollama.chat({ model: model("calls"), messages, tools, stream: true }));
    for (const parts of [[whole], streamed])
      expect(callsIn(parts)).toEqual([
        ["weather", { city: "Oslo" }],
        ["weather", { city: "Rome" }],
      ]);
    const results = (whole.message.tool_calls ?? []).map((call) => ({ role: "tool", tool_name: call.function.name, content: "cold" }));
    const after = await ollama.chat({ model: model("text"), messages: [...messages, whole.message, ...results], tools });
    expect(after.message.content).toBe("one two three");
    expect(JSON.stringify(upstream.requests.at(-1)?.body)).toContain("cold");
  });

  it("gets an answer of the shape that it asked for, and the upstream was asked for it", async () => {
    const format = { type: "object", properties, required: ["city"], additionalProperties: false };
    const answer = await ollama.chat({ model: model("shape"), messages, format });
    expect(JSON.parse(answer.message.content)).toEqual({ city: "Oslo" });
    expect(JSON.stringify(upstream.requests.at(-1)?.body)).toContain('"additionalProperties":false');
  });

  it("throws its own class for errors before the start, with the status", async () => {
    for (const [name, status_code] of [
      ["invalid", 400],
      ["limited", 429],
      ["key", 500],
    ] as const)
      await expect(ollama.chat({ model: model(name), messages })).rejects.toMatchObject({ name: "ResponseError", status_code });
    await expect(ollama.chat({ model: model("limited"), messages, stream: true })).rejects.toMatchObject({ status_code: 429 });
  });

  it("throws after the start, and has what was said before", async () => {
    const parts: ChatResponse[] = [];
    const read = async () => {
      for await (const part of await ollama.chat({ model: model("broken"), messages, stream: true })) parts.push(part);
    };
    await expect(read()).rejects.toThrow(/ended|cut|broke|closed/u);
    expect(saidIn(parts)).toMatch(/^0 1 /u);
  });

  it("stops the upstream when it aborts", async () => {
    const own = new Ollama({ host: server.url });
    const stream = await own.chat({ model: model("endless"), messages, stream: true });
    const read = async () => {
      for await (const { message } of stream) if (message.content !== "") own.abort();
    };
    await expect(read()).rejects.toThrow(/abort/u);
    const number = upstream.requests.findLast((request) => request.model === "endless")?.number ?? 0;
    expect(await upstream.closed(number)).toMatchObject({ byClient: true });
  });
});

describe("the Ollama client", () => {
  it.each(["openai", "ollama"])("gets thinking apart from the words of %s", async (kind) => {
    const model = `${kind}/thinks`;
    const whole = await ollama.chat({ model, messages, think: true });
    expect([whole.message.thinking, whole.message.content]).toEqual(["hm", "so"]);
    const parts = await gathered(await ollama.chat({ model, messages, think: "high", stream: true }));
    expect([parts.map(({ message }) => message.thinking ?? "").join(""), saidIn(parts)]).toEqual(["hm", "so"]);
  });

  it.each(["openai", "ollama"])("embeds by %s, in both ways", async (kind) => {
    const many = await ollama.embed({ model: `${kind}/vectors`, input: ["a b", "c"] });
    expect([many.model, many.embeddings.map(({ length }) => length)]).toEqual([`${kind}/vectors`, [4, 4]]);
    const one = await ollama.embeddings({ model: `${kind}/vectors`, prompt: "a b" });
    expect(one.embedding).toEqual(many.embeddings[0]);
  });

  it("lists what upstreams have, and shows what is known of it, which is made up nowhere", async () => {
    const { models } = await ollama.list();
    const names = models.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(["echo:latest", "openai/m:latest", "ollama/m:latest"]));
    const shown = await ollama.show({ model: "openai/m:latest" });
    expect(shown).toMatchObject({ template: "", details: { format: "", family: "", parameter_size: "" }, model_info: {} });
    expect((await ollama.ps()).models).toEqual([]);
  });

  it("is told that upstreams' models are always there, and that there is nothing to delete", async () => {
    expect(await ollama.generate({ model: "openai/m", prompt: "" })).toMatchObject({ done: true, done_reason: "load", response: "" });
    expect(await ollama.chat({ model: "openai/m", messages: [], keep_alive: 0 } as never)).toMatchObject({ done_reason: "unload" });
    await expect(ollama.delete({ model: "openai/m" })).rejects.toMatchObject({ status_code: 409 });
  });

  it("is refused what is not done here, in words that say what to do instead", async () => {
    const refused = { name: "ResponseError", status_code: 501 };
    await expect(ollama.create({ model: "mine", from: "echo" })).rejects.toMatchObject({ ...refused, message: /model folder/u });
    await expect(ollama.copy({ source: "echo", destination: "mine" })).rejects.toMatchObject({ ...refused, message: /aliases/u });
    await expect(ollama.push({ model: "echo" })).rejects.toMatchObject(refused);
    await expect(ollama.chat({ model: "nobody", messages })).rejects.toMatchObject({ status_code: 404, message: /nobody/u });
    await expect(ollama.generate({ model: "echo", prompt: "x", template: "y" })).rejects.toMatchObject({ message: /^template: / });
  });
});
