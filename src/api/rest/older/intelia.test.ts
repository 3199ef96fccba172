import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { shapeOf, walkDocument } from "../../../testing/older-document.ts";
import { startTestServer, type TestServer } from "../../../testing/test-server.ts";
import { startUpstream, type ScriptedUpstream } from "../../../testing/upstream/upstream.ts";

// Intelia's document, line by line: its clients ask for a model by a name that the upstream does not know.

const name = "intelia-llama-3.1-8b-aviculture";
/** Lines 122 to 124, and where Hugging Face is in these tests. */
const variables = () => ({
  LLM_PROVIDER: "huggingface",
  HUGGINGFACE_API_KEY: "hf_xxxxx",
  HUGGINGFACE_MODEL: "meta-llama/Llama-3.1-8B-Instruct",
  LLM_HUGGINGFACE_BASE_URL: `${upstream.url}/v1`,
});
let upstream: ScriptedUpstream;
let server: TestServer;
beforeAll(async () => {
  upstream = await startUpstream({ ids: ["meta-llama/Llama-3.1-8B-Instruct"], isStrict: false });
  server = await startTestServer({
    models: { local: {} },
    environment: { LLM_DEFAULT_PROVIDER: "", ...variables() },
  });
});
afterAll(async () => {
  await server.close();
  await upstream.close();
});

/** Lines 69 to 76, and 81 to 98. */
const golden = {
  request: {
    model: name,
    messages: [{ role: "user" as const, content: "Comment réduire la mortalité des poulets?" }],
    temperature: 0.7,
    max_tokens: 2000,
  },
  answer: {
    id: "chatcmpl-abc123",
    object: "chat.completion",
    created: 1234567890,
    model: name,
    choices: [{ index: 0, message: { role: "assistant", content: "Pour réduire la mortalité des poulets..." }, finish_reason: "stop" }],
    usage: { prompt_tokens: 150, completion_tokens: 320, total_tokens: 470 },
  },
};

async function complete(url: string, body: object): Promise<Response> {
  return fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

describe("Intelia's document", () => {
  walkDocument({
    service: "Intelia",
    file: "001",
    endpoints: { "POST /v1/chat/completions": 64, "GET /v1/models": 102, "GET /health": 105, "GET /metrics": 108, "GET /docs": 111 },
    variables: [
      ["LLM_PROVIDER", 122, "huggingface", "models.defaultProvider", "huggingface"],
      ["HUGGINGFACE_API_KEY", 123, "hf_xxxxx", "upstreams.huggingface.apiKeys", ["hf_xxxxx"]],
      [
        "HUGGINGFACE_MODEL",
        124,
        "meta-llama/Llama-3.1-8B-Instruct",
        "upstreams.huggingface.defaultModel",
        "meta-llama/Llama-3.1-8B-Instruct",
      ],
      ["VLLM_URL", 125, "http://localhost:8000", "upstreams.vllm.baseUrl", "http://localhost:8000/v1"],
      ["PORT", 126, "8081", "http.port", 8081],
      ["LOG_LEVEL", 127, "INFO", "telemetry.logLevel", "info"],
      ["ENABLE_METRICS", 128, "true", "telemetry.metrics", true],
    ],
  });

  it("lines 64 to 100: POST /v1/chat/completions answers under the name that was asked for", async () => {
    const answer = await complete(server.url, golden.request);
    const told = (await answer.json()) as typeof golden.answer;
    // OpenAI's present answers have more keys.
    expect([answer.status, shapeOf(told)]).toMatchObject([200, shapeOf(golden.answer)]);
    expect([told.model, answer.headers.get("x-parley-model")]).toEqual([name, "meta-llama/Llama-3.1-8B-Instruct"]);
    expect(upstream.requests.at(-1)?.body).toMatchObject({ model: "meta-llama/Llama-3.1-8B-Instruct", temperature: 0.7, max_tokens: 2000 });
  });

  it("lines 122 to 124: the key and the model alone do it too, for the provider is the document's default", async () => {
    const { HUGGINGFACE_API_KEY, HUGGINGFACE_MODEL, LLM_HUGGINGFACE_BASE_URL } = variables();
    const bare = await startTestServer({
      environment: { LLM_DEFAULT_PROVIDER: "", HUGGINGFACE_API_KEY, HUGGINGFACE_MODEL, LLM_HUGGINGFACE_BASE_URL },
    });
    onTestFinished(() => bare.close());
    const answer = await complete(bare.url, golden.request);
    expect([answer.status, answer.headers.get("x-parley-model")]).toEqual([200, HUGGINGFACE_MODEL]);
    expect(((await answer.json()) as typeof golden.answer).model).toBe(name);
  });

  it("lines 102 and 103: GET /v1/models lists the models", async () => {
    const told = (await (await fetch(`${server.url}/v1/models`)).json()) as { data: { id: string }[] };
    expect(told).toMatchObject({ object: "list" });
    expect(told.data.map(({ id }) => id)).toContain("local");
  });

  it("lines 105, 217 and 356: GET /health", async () => {
    expect(await (await fetch(`${server.url}/health`)).json()).toMatchObject({ status: "ok" });
  });

  it("lines 111 and 358: GET /docs is a page", async () => {
    const page = await fetch(`${server.url}/docs`, { headers: { accept: "text/html" } });
    expect([page.status, page.headers.get("content-type")]).toEqual([200, expect.stringContaining("text/html")]);
  });

  it("lines 132 to 154: OpenAI's client is served, whatever key it must bring", async () => {
    const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "dummy", maxRetries: 0 });
    const { model, messages } = golden.request;
    const response = await client.chat.completions.create({ model, messages });
    expect(response.choices[0]?.message.content).toBe("one two three");
  });

  it("lines 166 to 178: a system message and a user's are passed on", async () => {
    const messages = [{ role: "system", content: "Context: x" }, ...golden.request.messages];
    const { choices } = (await (await complete(server.url, { model: name, messages })).json()) as typeof golden.answer;
    expect(choices[0]?.message.content).toBe("one two three");
    expect(upstream.requests.at(-1)?.body["messages"]).toEqual(messages);
  });

  it("lines 187 to 194: its metrics have their names", async () => {
    await complete(server.url, { ...golden.request, model: "local", max_tokens: 2 });
    await complete(server.url, { ...golden.request, temperature: 3 });
    const text = await (await fetch(`${server.url}/metrics`)).text();
    for (const line of [
      /^llm_requests_total\{[^}]*provider="huggingface"[^}]*\} [1-9]/m,
      /^llm_inference_duration_seconds_bucket\{[^}]*provider="huggingface"[^}]*\} [1-9]/m,
      /^llm_tokens_generated_total [1-9]/m,
      /^llm_tokens_prompt_total [1-9]/m,
      /^llm_model_loaded\{model="local"\} 1/m,
      /^llm_errors_total\{type="invalid_request"\} 1/m,
    ])
      expect(text).toMatch(line);
  });

  it("lines 216 to 227: its manual test", async () => {
    expect((await complete(server.url, { model: name, messages: [{ role: "user", content: "Test" }], max_tokens: 50 })).status).toBe(200);
  });

  it("lines 262 to 267: a change of two variables moves it to vLLM", async () => {
    const moved = await startTestServer({ environment: { LLM_DEFAULT_PROVIDER: "", LLM_PROVIDER: "vllm", VLLM_URL: upstream.url } });
    onTestFinished(() => moved.close());
    const answer = await complete(moved.url, golden.request);
    const served = ["provider", "model"].map((header) => answer.headers.get(`x-parley-${header}`));
    expect([answer.status, ...served]).toEqual([200, "vllm", "meta-llama/Llama-3.1-8B-Instruct"]);
    expect(((await answer.json()) as typeof golden.answer).model).toBe(name);
    expect(upstream.requests.at(-1)?.body["model"]).toBe("meta-llama/Llama-3.1-8B-Instruct");
  });

  it.each(["gated", "wrong-key"] as const)(
    "lines 273 to 281: what Hugging Face refuses (%s) is told to the caller, and the key is not",
    async (cause) => {
      upstream.script({ fault: { is: "refusal", cause } });
      const answer = await complete(server.url, golden.request);
      upstream.script({});
      expect(answer.status).toBe(500);
      const text = await answer.text();
      expect(text).toMatch(cause === "gated" ? /gated|grant|terms|access/i : /refuses its token/);
      expect(text).not.toContain("hf_xxxxx");
    },
  );
});
