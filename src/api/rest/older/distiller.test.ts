import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { ModelState } from "../../../../gen/parley/v1/models_pb.ts";
import { loadConfig } from "../../../config.ts";
import { shapeOf, walkDocument } from "../../../testing/older-document.ts";
import { startTestServer, type TestServer, type TestServerOptions } from "../../../testing/test-server.ts";

// Distiller's document, line by line.

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const models = { model1: {}, model2: {} };
let server: TestServer;
beforeAll(async () => (server = await startTestServer({ models, load: { sequences: 2 } })));
afterAll(() => server.close());

interface Answer {
  readonly status: number;
  readonly json: Record<string, unknown>;
}

async function ask(name: string, body?: unknown, { url = server.url, headers = {} } = {}): Promise<Answer> {
  const [method = "", path = ""] = name.split(" ");
  const answer = await fetch(url + path, {
    method,
    headers: { "content-type": "application/json", ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: answer.status, json: (await answer.json()) as Record<string, unknown> };
}

async function service(options: TestServerOptions): Promise<TestServer> {
  const started = await startTestServer(options);
  onTestFinished(() => started.close());
  return started;
}

async function contextOf(model: string, at = server): Promise<number | undefined> {
  return (await at.server.service.models.get(model, new AbortController().signal)).contextLength;
}

const detail = (pattern: RegExp) => ({ detail: expect.stringMatching(pattern) as unknown });
const messages = [{ role: "user", content: "hello" }];
const inference = { temperature: 0.5, max_tokens: 3, top_k: 10, top_p: 0.9, repeat_penalty: 1.1, stop: ["STOP"] };

describe("Distiller's document", () => {
  walkDocument({
    service: "Distiller",
    file: "003",
    endpoints: {
      "GET /": 68,
      "GET /health": 69,
      "GET /models": 70,
      "POST /setModel": 71,
      "POST /chat/completions": 72,
      "POST /restore_cache": 79,
    },
    variables: [],
  });

  it("lines 54 to 57: the flags of its command line mean the same here", () => {
    const flags = { host: "127.0.0.1", port: "8000", modelName: "qwen2.5-3b-instruct-q4_k_m.gguf", logLevel: "warning" };
    const { settings } = loadConfig({ environment: {}, flags });
    expect(settings).toMatchObject({ host: "127.0.0.1", port: 8000, defaultModel: "qwen2.5-3b-instruct-q4_k_m.gguf", logLevel: "warn" });
  });

  it("line 68: GET / says that it is there", async () => {
    expect(await ask("GET /")).toMatchObject({ status: 200, json: { status: "ok" } });
  });

  it("line 69: GET /health says whether the model is loaded", async () => {
    const { json } = await ask("GET /health");
    expect(shapeOf(json)).toMatchObject(shapeOf({ status: "ok", message: "..." }) as object);
    expect(json["status"]).toBe("ok");
  });

  it("line 70: GET /models lists the names of files", async () => {
    const { json } = await ask("GET /models");
    expect(shapeOf(json)).toEqual(shapeOf({ models: ["model1.gguf"] }));
    expect(json).toEqual({ models: ["model1.gguf", "model2.gguf"] });
  });

  it("lines 10 and 71: POST /setModel loads a model as it is told, and again in another way", async () => {
    for (const n_ctx of [256, 128]) {
      const { status, json } = await ask("POST /setModel", { model_name: "model2.gguf", load_model_configs: { n_ctx } });
      expect([status, json]).toEqual([200, { status: "ok", message: expect.any(String) as unknown, model: "model2.gguf" }]);
      expect([server.server.defaultModel(), await contextOf("model2")]).toEqual(["model2", n_ctx]);
    }
    expect((await ask("POST /llm", { prompt: "a", max_tokens: 1 })).status).toBe(200);
    expect((await ask("POST /setModel", { model_name: "echo" })).status).toBe(200);
  });

  it("line 71: what cannot be set is refused by name, and leaves the model that is there", async () => {
    for (const [body, status, told] of [
      [{}, 400, /^model_name: is required/],
      [{ model_name: "nobody.gguf" }, 404, /no model "nobody\.gguf"/],
      [{ model_name: "../../etc/passwd" }, 404, /no model/],
      [{ model_name: "model1.gguf", load_model_configs: { n_ctx: 1 } }, 400, /^load_model_configs\.n_ctx: 1 is outside/],
      [{ model_name: "model1.gguf", load_model_configs: { n_ctx: "4096" } }, 400, /^load_model_configs\.n_ctx: must be a number/],
      [{ model_name: "model1.gguf", load_model_configs: { n_gpu_layers: -2 } }, 400, /^load_model_configs\.n_gpu_layers: -2/],
      [{ model_name: "model1.gguf", load_model_configs: { chat_format: "x" } }, 400, /^load_model_configs\.chat_format: is not supported/],
      [{ model_name: "model1.gguf", load_model_configs: [] }, 400, /^load_model_configs: must be an object/],
      [{ model_name: "echo", load_model_configs: { n_ctx: 64 } }, 409, /not a file on this machine/],
    ] as const)
      expect(await ask("POST /setModel", body)).toEqual({ status, json: detail(told) });
    expect(server.server.defaultModel()).toBe("echo");
  });

  it("lines 17 to 22 and 72 to 77: POST /chat/completions answers as OpenAI does, with inference_configs", async () => {
    const { status, json } = await ask("POST /chat/completions", { model: "model1.gguf", messages, inference_configs: inference });
    expect(status).toBe(200);
    expect(json).toMatchObject({ object: "chat.completion", model: "model1.gguf", usage: { completion_tokens: 3 } });
  });

  it("line 21: inference_configs are told apart from what stands beside them", async () => {
    for (const [body, told] of [
      [{ inference_configs: { temperature: 9 } }, /^inference_configs\.temperature: 9 is outside/],
      [{ inference_configs: { top_k: "many" } }, /^inference_configs\.top_k: must be a number|^top_k: must be a number/],
      [{ temperature: 0.1, inference_configs: { temperature: 0.2 } }, /^inference_configs\.temperature: differs from temperature/],
      [{ inference_configs: { messages: [] } }, /^inference_configs\.messages: stands beside/],
      [{ inference_configs: 3 }, /^inference_configs: must be an object/],
    ] as const)
      expect(await ask("POST /chat/completions", { model: "echo", messages, ...body })).toEqual({ status: 400, json: detail(told) });
    const same = { temperature: 0.2, max_tokens: null, inference_configs: { temperature: 0.2, top_p: null } };
    expect((await ask("POST /chat/completions", { model: "echo", messages, ...same })).status).toBe(200);
  });

  it("lines 20 and 75: tools are passed to the model", async () => {
    const tools = [{ type: "function", function: { name: "f", parameters: { type: "object", properties: {} } } }];
    expect(await ask("POST /chat/completions", { model: "echo", messages, tools })).toEqual({
      status: 400,
      json: detail(/^tools: .*echo calls no tools/),
    });
  });

  it("lines 22 and 78: a model that is not loaded is loaded as the call says, and one that is stays as it is", async () => {
    const { url, server: inner } = await service({ models });
    const signal = new AbortController().signal;
    const length = async () => (await inner.service.models.get("model1", signal)).contextLength;
    for (const n_ctx of [192, 128]) {
      const body = {
        model: "model1.gguf",
        messages,
        inference_configs: { max_tokens: 1 },
        load_model_configs: { n_ctx, n_batch: 64, n_threads: 1, flash_attn: false, use_mmap: true, n_gpu_layers: -1, verbose: false },
      };
      expect((await ask("POST /chat/completions", body, { url })).status).toBe(200);
      expect(await length()).toBe(192);
    }
    expect(inner.defaultModel()).toBe("echo");
  });

  it("lines 22 and 78: what is refused loads nothing, and the default is loaded as a call says that names no model", async () => {
    const environment = { LLM_DEFAULT_PROVIDER: "local", LLM_DEFAULT_MODEL: "model1" };
    const { url, server: inner } = await service({ models, environment });
    const { models: known } = inner.service;
    const signal = new AbortController().signal;
    await known.unload("model1", signal);
    const load_model_configs = { n_ctx: 128 };
    for (const wrong of [{ inference_configs: { temperature: 9 } }, { logit_bias: { "1": 1000 } }])
      expect((await ask("POST /chat/completions", { model: "model1.gguf", messages, load_model_configs, ...wrong }, { url })).status).toBe(
        400,
      );
    expect((await known.get("model1", signal)).state).toBe(ModelState.ON_DISK);
    expect((await ask("POST /chat/completions", { messages, load_model_configs, max_tokens: 1 }, { url })).status).toBe(200);
    expect((await known.get("model1", signal)).contextLength).toBe(128);
  });

  it("lines 22 and 78: a key that may chat may not say how a model is loaded, unless it is loaded", async () => {
    const { url } = await service({ models, environment: { LLM_API_KEYS: "chat-key" } });
    const headers = { authorization: "Bearer chat-key" };
    const body = { model: "model1.gguf", messages, max_tokens: 1, load_model_configs: { n_ctx: 128 } };
    expect(await ask("POST /chat/completions", body, { url, headers })).toEqual({
      status: 403,
      json: detail(/^load_model_configs: .*scope admin/),
    });
    expect((await ask("POST /setModel", { model_name: "model1.gguf" }, { url, headers })).status).toBe(403);
    const { load_model_configs: _, ...plain } = body;
    expect((await ask("POST /chat/completions", plain, { url, headers })).status).toBe(200);
    expect((await ask("POST /chat/completions", body, { url, headers })).status).toBe(200);
  });

  it("lines 23 and 76: OpenAI's own client reads its streams", async () => {
    const openai = new OpenAI({ baseURL: server.url, apiKey: "none", maxRetries: 0 });
    const stream = await openai.chat.completions.create({ model: "echo", messages: [{ role: "user", content: "one two" }], stream: true });
    const texts: string[] = [];
    for await (const chunk of stream) texts.push(chunk.choices[0]?.delta.content ?? "");
    expect(texts.join("")).toBe("one two");
  });

  it("lines 12, 24 and 79: POST /restore_cache prepares what later calls begin with", async () => {
    const body = {
      model: "model1.gguf",
      messages: [{ role: "system", content: "You are terse. ".repeat(8) }, ...messages],
      tools: [],
      inference_configs: inference,
    };
    const { status, json } = await ask("POST /restore_cache", body);
    expect([status, json]).toMatchObject([200, { status: "ok", message: expect.any(String) as unknown }]);
    expect(Number(json["cached_tokens"])).toBeLessThan(10);
    const again = await ask("POST /restore_cache", body);
    expect(again.json["cached_tokens"]).toBe(json["prompt_tokens"]);
    const chat = await ask("POST /chat/completions", { ...body, inference_configs: { max_tokens: 1 } });
    const { usage } = chat.json as { readonly usage: { readonly prompt_tokens_details: { readonly cached_tokens: number } } };
    expect(usage.prompt_tokens_details.cached_tokens).toBeGreaterThan(10);
  });

  it("line 79: a prompt that cannot be prepared is refused in this service's words", async () => {
    expect(await ask("POST /restore_cache", {})).toEqual({ status: 400, json: detail(/^messages: is required/) });
    const wrong = { model: "model1.gguf", messages, inference_configs: { top_p: 0 } };
    expect(await ask("POST /restore_cache", wrong)).toEqual({ status: 400, json: detail(/^inference_configs\.top_p: 0 is outside/) });
    expect(await ask("POST /restore_cache", { model: "echo", messages })).toEqual({
      status: 501,
      json: detail(/echo cannot do warm_prompt/),
    });
  });
});
