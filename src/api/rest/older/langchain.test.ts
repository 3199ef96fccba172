import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { loadConfig } from "../../../config.ts";
import { shapeOf, walkDocument } from "../../../testing/older-document.ts";
import { startTestServer, type TestServer } from "../../../testing/test-server.ts";
import { startUpstream, type ScriptedUpstream } from "../../../testing/upstream/upstream.ts";

// The document of the service with /invoke, line by line.

let upstream: ScriptedUpstream;
let server: TestServer;
beforeAll(async () => {
  upstream = await startUpstream({ ids: ["gpt-4o-mini"], keys: ["sk-operators", "sk-your-api-key-here"] });
  const openai = { name: "openai", kind: "openai", baseUrl: `${upstream.url}/v1`, apiKeys: ["sk-operators"], clientKeys: true };
  const environment = {
    LLM_DEFAULT_PROVIDER: "openai",
    LLM_DEFAULT_MODEL: "gpt-4o-mini",
    LLM_APP_NAME: "llm-microservice",
    LLM_VERSION: "1.0.0",
  };
  server = await startTestServer({ models: { local: {} }, config: { upstreams: [openai] }, environment });
});
afterAll(async () => {
  await server.close();
  await upstream.close();
});

let ids = 0;
/** Lines 54 to 59; each call has an id of its own. */
const asked = (more: object = {}) => ({
  request_id: `550e8400-e29b-41d4-a716-${String(++ids).padStart(12, "0")}`,
  user_prompt: "Explain quantum computing in simple terms",
  openai_api_key: "sk-your-api-key-here",
  model: "gpt-4o-mini",
  temperature: 0.7,
  max_tokens: 500,
  ...more,
});

/** Lines 66 to 89. */
const golden = {
  success: true,
  request_id: "550e8400-e29b-41d4-a716-446655440000",
  data: { response: "Quantum computing uses quantum mechanical phenomena...", confidence: 0.95 },
  usage: { prompt_tokens: 25, completion_tokens: 45, total_tokens: 70 },
  performance: { request_latency_ms: 1250.5, llm_latency_ms: 1200.0, cache_hit: false, retry_count: 0, rate_limited: false },
  model: "gpt-4o-mini",
  cached: false,
  timestamp: "2025-01-11T10:30:00.123Z",
  error: null,
};

/** Lines 200 to 211. */
const goldenError = {
  success: false,
  request_id: "550e8400-e29b-41d4-a716-446655440000",
  error: {
    error_type: "validation_error",
    error_code: "INVALID_API_KEY",
    message: "Invalid OpenAI API key format",
    field: "openai_api_key",
    details: { expected_format: "sk-..." },
  },
  timestamp: "2025-01-11T10:30:00.123Z",
};

type Told = Omit<typeof golden, "error"> & { readonly error: typeof goldenError.error | null };

async function invoke(body: unknown, url = server.url): Promise<{ readonly status: number; readonly json: Told }> {
  const answer = await fetch(`${url}/invoke`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return { status: answer.status, json: (await answer.json()) as Told };
}

/** Status, kind and field of a failure. */
async function failure(body: unknown, url = server.url) {
  const { status, json } = await invoke(body, url);
  const comparable = (told: object, error: object) => shapeOf({ ...told, error: { ...error, field: "", details: {} } });
  expect(comparable(json, json.error ?? {})).toEqual(comparable(goldenError, goldenError.error));
  return [status, json.error?.error_type, json.error?.field];
}

describe("the LangChain service's document", () => {
  walkDocument({
    service: "LangChain",
    file: "004",
    endpoints: { "POST /invoke": 168, "GET /health": 176, "GET /docs": 191 },
    variables: [
      ["LLM_APP_NAME", 127, "llm-microservice", "telemetry.appName", "llm-microservice"],
      ["LLM_VERSION", 128, "1.0.0", "telemetry.version", "1.0.0"],
      ["LLM_DEBUG", 129, "true", "telemetry.logLevel", "debug"],
      ["LLM_HOST", 130, "0.0.0.0", "http.host", "0.0.0.0"],
      ["LLM_PORT", 131, "8000", "http.port", 8000],
      ["LLM_LOG_LEVEL", 132, "INFO", "telemetry.logLevel", "info"],
      ["LLM_DEFAULT_MODEL", 135, "gpt-4o-mini", "models.defaultModel", "gpt-4o-mini"],
      ["LLM_DEFAULT_TEMPERATURE", 136, "0.7", "engine.defaultTemperature", 0.7],
      ["LLM_DEFAULT_MAX_TOKENS", 137, "1000", "engine.defaultMaxTokens", 1000],
      ["LLM_ENABLE_AUTH", 140, "false", "http.open", true],
      ["LLM_LOG_FILE", 156, "/app/logs/llm-service.log", "telemetry.logFile", "/app/logs/llm-service.log"],
      ["OPENAI_API_KEY", 25, "sk-key", "upstreams.openai.apiKeys", ["sk-key"]],
    ],
    foreign: [
      "INVALID_API_KEY",
      "KAFKA_ZOOKEEPER_CONNECT",
      "KAFKA_ADVERTISED_LISTENERS",
      "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR",
      "ZOOKEEPER_CLIENT_PORT",
    ],
  });

  it("lines 51 to 90: POST /invoke answers with its object, and the caller's own key asks the upstream", async () => {
    upstream.script({ answer: { logprobs: true } });
    const body = asked();
    const { status, json } = await invoke(body);
    upstream.script({});
    expect([status, shapeOf(json)]).toEqual([200, shapeOf(golden)]);
    expect(json).toMatchObject({ request_id: body.request_id, model: "gpt-4o-mini", data: { response: "one two three" } });
    expect(json.data.confidence).toBeCloseTo(Math.exp(-0.25), 10);
    expect(new Date(json.timestamp).toISOString()).toBe(json.timestamp);
    const sent = upstream.requests.at(-1);
    expect(sent?.headers["authorization"]).toBe("Bearer sk-your-api-key-here");
    expect(sent?.body).toMatchObject({ model: "gpt-4o-mini", temperature: 0.7, max_completion_tokens: 500, logprobs: true });
    expect(JSON.stringify(server.log, (_key, value: unknown) => (typeof value === "bigint" ? 0 : value))).not.toContain(
      "sk-your-api-key-here",
    );
  });

  it("line 71: confidence is that of a local model's own tokens, and null where no probabilities are told", async () => {
    const { openai_api_key: _, ...local } = asked({ model: "local", max_tokens: 4 });
    const { json } = await invoke(local);
    expect(json.data.confidence).toBeGreaterThan(0);
    expect(json.data.confidence).toBeLessThanOrEqual(1);
    const { openai_api_key: __, ...echo } = asked({ model: "echo" });
    expect((await invoke(echo)).json.data).toEqual({ response: "Explain quantum computing in simple terms", confidence: null });
  });

  it("lines 94 to 119: a system prompt comes first, messages in their order, the prompt last", async () => {
    const messages = [
      { type: "system", content: "You are a helpful assistant." },
      { type: "human", content: "What is quantum computing?" },
      { type: "ai", content: "Quantum computing is a type of computation..." },
      { type: "human", content: "Can you give me a simple example?" },
    ];
    await invoke(asked({ system_prompt: "You are a physics professor.", user_prompt: "Follow up question", messages }));
    expect(upstream.requests.at(-1)?.body["messages"]).toEqual([
      { role: "system", content: "You are a physics professor." },
      { role: "system", content: "You are a helpful assistant." },
      { role: "user", content: "What is quantum computing?" },
      { role: "assistant", content: "Quantum computing is a type of computation..." },
      { role: "user", content: "Can you give me a simple example?" },
      { role: "user", content: "Follow up question" },
    ]);
  });

  it("lines 176 to 181: GET /health tells of the service, its version and what it depends on", async () => {
    const health = await (await fetch(`${server.url}/health`)).json();
    expect(health).toMatchObject({
      status: "ok",
      name: "llm-microservice",
      version: "1.0.0",
      dependencies: { redis: "not used", kafka: "not used", langchain: "ok" },
    });
  });

  it("lines 24 to 26: what it is started with is understood, and what nothing heeds is named without its value", () => {
    const { settings, warnings } = loadConfig({ environment: { OPENAI_API_KEY: "sk-key", REDIS_URL: "redis://:s3cret@localhost:6379" } });
    expect(settings.upstreams.map(({ name }) => name)).toContain("openai");
    expect(warnings.join()).toMatch(/^ignored: REDIS_URL; (?!.*s3cret)/);
  });

  it("line 191: GET /docs", async () => {
    expect((await fetch(`${server.url}/docs`, { headers: { accept: "text/html" } })).status).toBe(200);
  });

  it("lines 199 to 212: a key of another format is refused, and shown nowhere", async () => {
    const { status, json } = await invoke(asked({ openai_api_key: "hf_secret" }));
    expect([status, shapeOf(json)]).toEqual([400, shapeOf(goldenError)]);
    expect(json.error).toMatchObject({
      error_type: "validation_error",
      error_code: "INVALID_API_KEY",
      field: "openai_api_key",
      details: goldenError.error.details,
    });
    expect(JSON.stringify(json)).not.toContain("hf_secret");
  });

  it("line 216: what is wrong with a body is a 400 that names the field", async () => {
    for (const [wrong, field] of [
      [{ user_prompt: undefined }, "user_prompt"],
      [{ user_prompt: "" }, "user_prompt"],
      [{ request_id: "" }, "request_id"],
      [{ temperature: 3 }, "temperature"],
      [{ max_tokens: "many" }, "max_tokens"],
      [{ model: "m".repeat(300) }, "model"],
      [{ messages: [{ type: "robot", content: "x" }] }, "messages[0].type"],
      [{ system_prompt: "s", messages: [{ type: "human", content: 7 }] }, "messages[0].content"],
    ] as const)
      expect(await failure(asked(wrong))).toEqual([400, "validation_error", field]);
    expect((await invoke({})).json).toMatchObject({ success: false, request_id: null });
  });

  it("line 217: a key that the upstream refuses, or that nobody takes, is a 401", async () => {
    expect(await failure(asked({ openai_api_key: "sk-unknown" }))).toEqual([401, "authentication_error", "openai_api_key"]);
    const { json, status } = await invoke(asked({ model: "local" }));
    expect([status, json.error]).toMatchObject([
      401,
      { error_code: "INVALID_API_KEY", field: "openai_api_key", message: expect.stringContaining("leave out openai_api_key") as unknown },
    ]);
  });

  it("lines 8, 218 and 236: an id that comes again is answered once: 409 while the call runs, and its replay is pending", async () => {
    const body = asked();
    upstream.script({ fault: { is: "no-headers" } }, {});
    const number = upstream.requests.length + 1;
    const leave = new AbortController();
    const first = fetch(`${server.url}/invoke`, { method: "POST", body: JSON.stringify(body), signal: leave.signal }).catch(() => "left");
    await upstream.requested(number);
    expect(await failure(body)).toEqual([409, "duplicate_request_error", "request_id"]);
    leave.abort();
    expect(await first).toBe("left");
    await upstream.closed(number);
    // The call has ended without an answer: its caller may try again.
    expect((await invoke(body)).status).toBe(200);
    expect(await failure(body)).toEqual([501, "not_implemented_error", "request_id"]);
  });

  it.each([
    ["rate-limited", 429, "rate_limit_error"],
    ["server-error", 503, "service_unavailable_error"],
    ["unavailable", 503, "service_unavailable_error"],
  ] as const)("lines 219 to 221: an upstream's %s is a %i", async (cause, status, type) => {
    upstream.script({ fault: { is: "refusal", cause } });
    expect(await failure(asked())).toEqual([status, type, null]);
    upstream.script({});
  });

  it("line 220: the operator's key that is refused is a 500, and not the caller's fault", async () => {
    const environment = { LLM_DEFAULT_PROVIDER: "openai", OPENAI_API_KEY: "sk-wrong", LLM_OPENAI_BASE_URL: `${upstream.url}/v1` };
    const other = await startTestServer({ environment });
    onTestFinished(() => other.close());
    expect(await failure(asked({ openai_api_key: undefined }), other.url)).toEqual([500, "internal_error", null]);
  });
});
