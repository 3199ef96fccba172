import { dirname } from "node:path";
import { Ollama, type GenerateResponse } from "ollama";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { describeWithRealModel } from "../real-model.ts";
import { realModelId, startTestServer, type TestServer } from "../test-server.ts";

vi.setConfig({ testTimeout: 60_000 });

await describeWithRealModel("Ollama's client and the real SmolLM2-135M-Instruct", (path) => {
  let server: TestServer;
  let ollama: Ollama;
  beforeAll(async () => {
    server = await startTestServer({ modelsDirectory: dirname(path) });
    ollama = new Ollama({ host: server.url });
  }, 120_000);
  afterAll(() => server.close());

  const model = `${realModelId}:latest`;
  const options = { temperature: 0, num_predict: 24 };
  const messages = [
    { role: "system", content: "Complete the sentence." },
    { role: "user", content: "The capital of France is" },
  ];
  const text = (parts: readonly GenerateResponse[]) => parts.map(({ response }) => response).join("");

  it("loads it, finds it among those that run, and unloads it", async () => {
    expect(await ollama.generate({ model, prompt: "", keep_alive: "10m" })).toMatchObject({ done: true, done_reason: "load" });
    const { models } = await ollama.ps();
    expect(models).toMatchObject([{ name: model, details: { family: "llama", parameter_size: "134.52M", quantization_level: "Q4_1" } }]);
    const minutes = (new Date(models[0]?.expires_at ?? 0).getTime() - Date.now()) / 60_000;
    expect([minutes > 9, minutes <= 10, (models[0]?.size ?? 0) > 90e6]).toEqual([true, true, true]);
    expect(await ollama.generate({ model, prompt: "", keep_alive: 0 })).toMatchObject({ done_reason: "unload" });
    expect((await ollama.ps()).models).toEqual([]);
  });

  it("knows Paris, whole and streamed in the same words, and tells what it took", async () => {
    const whole = await ollama.chat({ model, messages, options });
    expect(whole).toMatchObject({ model, message: { role: "assistant", content: expect.stringContaining("Paris") as string }, done: true });
    expect([whole.prompt_eval_count > 5, whole.eval_count > 0, whole.total_duration > 1e6]).toEqual([true, true, true]);
    let streamed = "";
    for await (const { message } of await ollama.chat({ model, messages, options, stream: true })) streamed += message.content;
    expect(streamed).toBe(whole.message.content);
  });

  it("goes on with a raw prompt, token by token, with logprobs", async () => {
    const parts: GenerateResponse[] = [];
    const asked = { model, prompt: "The capital of France is", raw: true, options: { temperature: 0, num_predict: 4 } };
    for await (const part of await ollama.generate({ ...asked, stream: true, logprobs: true, top_logprobs: 2 })) parts.push(part);
    expect(text(parts)).toContain("Paris");
    expect(parts.at(-1)).toMatchObject({ done: true, done_reason: "length", eval_count: 4 });
    const [first] = parts[0]?.logprobs ?? [];
    expect([first?.token, (first?.logprob ?? 1) <= 0, first?.top_logprobs?.length]).toEqual([" Paris", true, 2]);
  });

  it("answers in the shape that it is asked for", async () => {
    const format = { type: "object", properties: { capital: { type: "string" } }, required: ["capital"], additionalProperties: false };
    const answer = await ollama.generate({
      model,
      prompt: "What is the capital of France?",
      format,
      options: { temperature: 0, num_predict: 100 },
    });
    expect(JSON.parse(answer.response ?? "")).toEqual({ capital: expect.any(String) as string });
    const json = await ollama.chat({ model, messages, format: "json", options: { temperature: 0, num_predict: 200 } });
    expect(() => JSON.parse(json.message.content) as unknown).not.toThrow();
  });

  it("takes a call of a tool, and what the tool has answered", async () => {
    const call = { function: { name: "capital", arguments: { of: "France" } } };
    const tools = [
      { type: "function", function: { name: "capital", description: "The capital of a country", parameters: { type: "object" } } },
    ];
    const said = [
      ...messages,
      { role: "assistant", content: "", tool_calls: [call] },
      { role: "tool", tool_name: "capital", content: "Paris" },
    ];
    const answer = await ollama.chat({ model, messages: said, tools, options });
    expect([answer.done, answer.done_reason]).toEqual([true, expect.stringMatching(/^(stop|length)$/) as string]);
  });

  it("stops when the client aborts, and serves the next", async () => {
    const own = new Ollama({ host: server.url });
    const read = async () => {
      for await (const part of await own.generate({ model, prompt: "Tell a long story.", stream: true, options: { num_predict: 4000 } }))
        if (part.response !== "") own.abort();
    };
    await expect(read()).rejects.toThrow(/abort/u);
    expect((await ollama.generate({ model, prompt: "Hi", options: { num_predict: 2 } })).eval_count).toBe(2);
  });

  it("is listed and shown with what its file says", async () => {
    const { models } = await ollama.list();
    expect(models.find(({ name }) => name === model)).toMatchObject({ size: 98_362_432, details: { format: "gguf", families: ["llama"] } });
    const shown = await ollama.show({ model });
    expect(shown).toMatchObject({
      license: "Apache-2.0",
      template: expect.stringContaining("SmolLM") as string,
      modelfile: expect.stringMatching(/^FROM smollm2-135m-instruct\n/) as string,
      model_info: { "general.architecture": "llama", "general.parameter_count": 134_515_008, "llama.context_length": 8192 },
      capabilities: ["completion", "tools"],
    });
  });

  it("makes vectors when it is asked for them", async () => {
    const { embeddings } = await ollama.embed({ model, input: ["one", "two"] });
    expect(embeddings.map(({ length }) => length)).toEqual([576, 576]);
  });
});
