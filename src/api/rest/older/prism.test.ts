import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { readEnvironment } from "../../../environment/read.ts";
import { shapeOf, walkDocument } from "../../../testing/older-document.ts";
import { startTestServer, type TestServer } from "../../../testing/test-server.ts";
import { serviceWith, upstreamFor } from "../../../testing/upstream-service.ts";

// Prism's document, line by line.

let server: TestServer;
beforeAll(async () => (server = await startTestServer({ environment: { LLM_DEFAULT_PROVIDER: "echo" } })));
afterAll(() => server.close());

async function post(path: string, body: unknown, url = server.url): Promise<Response> {
  return fetch(url + path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
}

async function json(path: string): Promise<unknown> {
  return (await fetch(server.url + path)).json();
}

/** Data of the events of a stream, as the document's client reads lines. */
async function eventsOf(answer: Response): Promise<string[]> {
  return (await answer.text()).split("\n").flatMap((line) => (line.startsWith("data: ") ? [line.slice(6)] : []));
}

/** Lines 144 to 154, and 159 to 170. */
const golden = {
  request: {
    messages: [
      { role: "system", content: "You are a helpful assistant" },
      { role: "user", content: "Hello!" },
    ],
    model: "gpt-4o-mini",
    temperature: 0.7,
    max_tokens: 1024,
    top_p: 1.0,
    stream: false,
  },
  answer: {
    id: "chatcmpl-123",
    model: "gpt-4o-mini",
    content: "Hello! How can I help you today?",
    role: "assistant",
    finish_reason: "stop",
    usage: { prompt_tokens: 20, completion_tokens: 10, total_tokens: 30 },
  },
};

/** Lines 213 and 214, and 220 to 222. */
const goldenStream = {
  request: { messages: [{ role: "user", content: "Hello world" }], stream: true },
  events: [
    { id: "chatcmpl-123", model: "echo-v1", delta: "Hello", finish_reason: null },
    { id: "chatcmpl-123", model: "echo-v1", delta: " world", finish_reason: null },
    { id: "chatcmpl-123", model: "echo-v1", delta: "", finish_reason: "stop" },
  ],
};

describe("Prism's document", () => {
  walkDocument({
    service: "Prism",
    file: "002",
    endpoints: {
      "POST /v1/chat": 135,
      "POST /v1/chat/completions": 173,
      "GET /providers": 177,
      "GET /health": 189,
      "GET /healthz": 193,
      "GET /metrics": 197,
    },
    variables: [
      ["LLM_HOST", 83, "0.0.0.0", "http.host", "0.0.0.0"],
      ["LLM_PORT", 84, "8000", "http.port", 8000],
      ["LLM_LOG_LEVEL", 85, "info", "telemetry.logLevel", "info"],
      ["LLM_DEFAULT_PROVIDER", 86, "echo", "models.defaultProvider", "echo"],
      ["LLM_OPENAI_API_KEY", 94, "key", "upstreams.openai.apiKeys", ["key"]],
      ["LLM_OPENAI_BASE_URL", 95, "https://api.openai.com/v1", "upstreams.openai.baseUrl", "https://api.openai.com/v1"],
      ["LLM_OPENAI_DEFAULT_MODEL", 96, "gpt-4o-mini", "upstreams.openai.defaultModel", "gpt-4o-mini"],
      ["LLM_OPENAI_TIMEOUT", 97, "60", "upstreams.openai.timeoutSeconds", 60],
      ["LLM_ANTHROPIC_API_KEY", 103, "key", "upstreams.anthropic.apiKeys", ["key"]],
      ["LLM_ANTHROPIC_BASE_URL", 104, "https://api.anthropic.com", "upstreams.anthropic.baseUrl", "https://api.anthropic.com"],
      ["LLM_ANTHROPIC_DEFAULT_MODEL", 105, "claude-sonnet-4-5-20250929", "upstreams.anthropic.defaultModel", "claude-sonnet-4-5-20250929"],
      ["LLM_ANTHROPIC_TIMEOUT", 106, "60", "upstreams.anthropic.timeoutSeconds", 60],
      ["LLM_OLLAMA_BASE_URL", 112, "http://ollama-bridge:4010", "upstreams.ollama.baseUrl", "http://ollama-bridge:4010"],
      ["LLM_OLLAMA_DEFAULT_MODEL", 113, "llama3.1", "upstreams.ollama.defaultModel", "llama3.1"],
      ["LLM_OLLAMA_TIMEOUT", 114, "120", "upstreams.ollama.timeoutSeconds", 120],
      ["LLM_METRICS_ENABLED", 128, "true", "telemetry.metrics", true],
      ["LLM_METRICS_PORT", 129, "9090", "http.adminPort", 9090],
    ],
  });

  it("lines 135 to 171: POST /v1/chat answers with one text", async () => {
    const upstream = await upstreamFor({ ids: ["gpt-4o-mini"] });
    const { url } = await serviceWith({
      LLM_DEFAULT_PROVIDER: "openai",
      LLM_OPENAI_API_KEY: "k",
      LLM_OPENAI_BASE_URL: `${upstream.url}/v1`,
    });
    const answer = await post("/v1/chat", golden.request, url);
    const told = (await answer.json()) as typeof golden.answer;
    expect([answer.status, shapeOf(told)]).toEqual([200, shapeOf(golden.answer)]);
    expect(told).toMatchObject({ model: "gpt-4o-mini", content: "one two three", finish_reason: "stop" });
    const { messages, model, temperature, max_tokens: most, top_p } = golden.request;
    expect(upstream.requests.at(-1)?.body).toMatchObject({ messages, model, temperature, max_completion_tokens: most, top_p });
  });

  it("lines 140 and 210: the query names the provider, on the OpenAI path too", async () => {
    const upstream = await upstreamFor({ ids: ["gpt-4o-mini"] });
    const { url } = await serviceWith({ LLM_OPENAI_API_KEY: "k", LLM_OPENAI_BASE_URL: `${upstream.url}/v1` });
    const body = { messages: [{ role: "user", content: "What is 2+2?" }], temperature: 0.7 };
    for (const path of ["/v1/chat", "/v1/chat/completions"]) {
      const by = async (provider: string) => (await post(`${path}?provider=${provider}`, body, url)).headers.get("x-parley-provider");
      expect([await by("openai"), await by("echo")]).toEqual(["openai", "echo"]);
    }
  });

  it("lines 148 and 210: the query's echo answers whatever model is named, and repeats the name", async () => {
    const answer = await post("/v1/chat?provider=echo", golden.request);
    expect([answer.status, answer.headers.get("x-parley-model"), await answer.json()]).toEqual([
      ...[200, "echo", expect.objectContaining({ model: "gpt-4o-mini", content: "Hello!" })],
    ]);
    const inBody = await post("/v1/chat/completions", { ...golden.request, provider: "echo" });
    expect([inBody.status, await inBody.json()]).toEqual([200, expect.objectContaining({ model: "gpt-4o-mini" })]);
    expect((await post("/v1/chat/completions", golden.request)).status).toBe(404);
  });

  it("lines 26 and 148: echo that stands alone answers whatever model is named, on this path and no other", async () => {
    const answer = await post("/v1/chat", golden.request);
    expect([answer.status, await answer.json()]).toEqual([200, expect.objectContaining({ model: "gpt-4o-mini", content: "Hello!" })]);
    const beside = await serviceWith({ LLM_DEFAULT_PROVIDER: "echo", LLM_OLLAMA_BASE_URL: "http://127.0.0.1:1" });
    expect((await post("/v1/chat", golden.request, beside.url)).status).toBe(404);
  });

  it("line 140: a provider that is not there is refused, and so are two", async () => {
    const answers = await Promise.all(
      ["?provider=nobody", "?provider=echo&provider=openai"].map((query) => post(`/v1/chat${query}`, golden.request)),
    );
    expect(answers.map(({ status }) => status)).toEqual([404, 400]);
    for (const answer of answers) expect(shapeOf(await answer.json())).toEqual({ detail: "string" });
    const both = await post("/v1/chat?provider=echo", { ...golden.request, provider: "openai" });
    expect([both.status, await both.json()]).toEqual([400, { detail: expect.stringMatching(/^provider: differs/) as unknown }]);
  });

  it("lines 173 to 175: POST /v1/chat/completions is OpenAI's", async () => {
    const answer = await post("/v1/chat/completions?provider=echo", goldenStream.request);
    expect((await eventsOf(answer)).at(0)).toContain('"object":"chat.completion.chunk"');
  });

  it("lines 177 to 187: GET /providers names them, and the default's", async () => {
    const goldenProviders = { providers: ["openai", "anthropic", "ollama", "echo"], default: "echo" };
    const told = await json("/providers");
    expect(shapeOf(told)).toEqual(shapeOf(goldenProviders));
    expect(told).toMatchObject({ providers: expect.arrayContaining(["echo"]) as unknown, default: "echo" });
  });

  it("lines 189 to 195: both health endpoints say that it is well", async () => {
    expect(await json("/health")).toMatchObject({ status: "ok" });
    expect(await json("/healthz")).toEqual({ status: "ok" });
  });

  it("line 201: DELETE /cache says what it lacks to whoever has a key, for it would change nothing", async () => {
    const keyed = await startTestServer({ environment: { LLM_API_KEYS: "a-callers-key" } });
    onTestFinished(() => keyed.close());
    const answer = await fetch(`${keyed.url}/cache`, { method: "DELETE", headers: { authorization: "Bearer a-callers-key" } });
    expect([answer.status, await answer.json()]).toEqual([501, { detail: expect.stringContaining("lacks a cache") as unknown }]);
  });

  it("lines 205 to 224: a stream has a text an event, one with the reason for the end, and the end mark", async () => {
    const answer = await post("/v1/chat?provider=echo", goldenStream.request);
    expect(answer.headers.get("content-type")).toContain("text/event-stream");
    const data = await eventsOf(answer);
    expect(data.at(-1)).toBe("[DONE]");
    const events = data.slice(0, -1).map((text) => JSON.parse(text) as (typeof goldenStream.events)[number]);
    expect(events.map(shapeOf)).toEqual(goldenStream.events.map(shapeOf));
    expect(events.map(({ delta, finish_reason: reason }) => [delta, reason])).toEqual(
      goldenStream.events.map(({ delta, finish_reason: reason }) => [delta, reason]),
    );
    expect(new Set(events.map(({ id }) => id)).size).toBe(1);
  });

  it("lines 205 to 224: a stream that breaks off ends with what happened, and without the end mark", async () => {
    const upstream = await upstreamFor({
      ids: ["gpt-4o-mini"],
      turns: [{ fault: { is: "error-inside", cause: "server-error", after: 2 } }],
    });
    const { url } = await serviceWith({
      LLM_DEFAULT_PROVIDER: "openai",
      LLM_OPENAI_API_KEY: "k",
      LLM_OPENAI_BASE_URL: `${upstream.url}/v1`,
    });
    const data = await eventsOf(await post("/v1/chat", { ...golden.request, stream: true }, url));
    expect(JSON.parse(data.at(-1) ?? "")).toEqual({ detail: expect.any(String) as unknown });
  });

  it("line 137: what an answer of one text cannot hold is refused, with the field's name", async () => {
    for (const [field, value] of [
      ["n", 2],
      ["tools", [{ type: "function", function: { name: "f" } }]],
      ["logprobs", true],
    ] as const) {
      const answer = await post("/v1/chat", { ...golden.request, model: "echo", [field]: value });
      expect([answer.status, await answer.json()]).toEqual([400, { detail: expect.stringMatching(new RegExp(`^${field}: `)) as unknown }]);
    }
  });

  it("line 144: a call without messages is refused in the words of its own fields", async () => {
    for (const path of ["/v1/chat", "/v1/chat/completions"]) {
      const answer = await post(path, { messages: [] });
      const text = await answer.text();
      expect([answer.status, text]).toEqual([400, expect.stringContaining("messages: is empty: at least one message is needed")]);
      expect(text).not.toMatch(/raw_prompt|template/);
    }
  });

  it("lines 264 to 302: templates are filled in by the client, and a chain is a call after another", async () => {
    const said = async (content: string) =>
      ((await (await post("/v1/chat", { messages: [{ role: "user", content }] })).json()) as typeof golden.answer).content;
    const summary = await said("Summarize this: Long article text...");
    expect(await said(`Extract key points from: ${summary}`)).toBe("Extract key points from: Summarize this: Long article text...");
  });

  it("lines 306 to 310: its metrics have their names and labels", async () => {
    await post("/v1/chat", goldenStream.request).then((answer) => answer.text());
    const text = await (await fetch(`${server.url}/metrics`)).text();
    for (const line of [
      /^llm_requests_total\{provider="echo",model="echo",status="ok"\} \d/m,
      /^llm_request_duration_seconds_bucket\{le="\+Inf",provider="echo",model="echo"\} \d/m,
      /^llm_tokens_total\{provider="echo",model="echo",type="prompt"\} \d/m,
      /^llm_tokens_total\{provider="echo",model="echo",type="completion"\} \d/m,
    ])
      expect(text).toMatch(line);
  });

  it("line 121: a cache that is switched off is what there is", () => {
    expect(readEnvironment({ LLM_CACHE_ENABLED: "false" }).warnings).toEqual([]);
  });

  it("lines 128 and 129: metrics have a port of their own, and can be switched off", async () => {
    const own = await startTestServer({ environment: { LLM_METRICS_PORT: "0" } });
    onTestFinished(() => own.close());
    expect((await fetch(`${own.server.adminUrls[0]}/metrics`)).status).toBe(200);
    const without = await startTestServer({ environment: { LLM_METRICS_ENABLED: "false" } });
    onTestFinished(() => without.close());
    expect((await fetch(`${without.url}/metrics`)).status).toBe(404);
  });
});
