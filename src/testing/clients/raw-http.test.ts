import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rawClient } from "../raw-client.ts";
import { startTestServer, type TestServer } from "../test-server.ts";

// What the clients' libraries hide: the bytes of the streams, and the answers to what no library sends.

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ models: { tiny: {} }, environment: { LLM_DEFAULT_MODEL: "tiny", LLM_DEFAULT_PROVIDER: "auto" } });
});
afterAll(() => server.close());

const json = { "content-type": "application/json" };
const path = "/v1/chat/completions";
const user = (content: string, more = {}) => ({ model: "echo", messages: [{ role: "user", content }], ...more });

describe("a stream of chat completions, byte by byte", () => {
  it("consists of data lines, each one JSON object on one line, then a comment on who served, and ends with [DONE]", async () => {
    const { body } = await post(user("one\ntwo \u{1f30d}", { stream: true }));
    const frames = body.split("\n\n");
    expect(frames.pop()).toBe("");
    expect(frames.pop()).toBe("data: [DONE]");
    expect(frames.pop()).toMatch(/^: parley-served x-parley-provider=echo [^\n]+$/u);
    for (const frame of frames) expect(frame).toMatch(/^data: [^\n]+$/u);
    for (const frame of frames) expect(JSON.parse(frame.slice(6))).toMatchObject({ object: "chat.completion.chunk", model: "echo" });
  });

  it("names the role once a choice, first, with empty content", async () => {
    const chunks = chunksOf((await post(user("hello there", { stream: true, n: 2 }))).body);
    for (const choice of [0, 1]) {
      const own = chunks.flatMap(({ choices }) => choices).filter(({ index }) => index === choice);
      expect(own[0]?.delta).toEqual({ role: "assistant", content: "" });
      expect(own.slice(1).filter(({ delta }) => "role" in delta)).toEqual([]);
    }
  });

  it("has one id, and one finish chunk a choice whose delta is empty", async () => {
    const chunks = chunksOf((await post(user("hello there", { stream: true, n: 2 }))).body);
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
    const ends = chunks.flatMap(({ choices }) => choices).filter(({ finish_reason }) => finish_reason !== null);
    expect(ends.map(({ index, delta, finish_reason }) => ({ index, delta, finish_reason }))).toEqual([
      { index: 0, delta: {}, finish_reason: "stop" },
      { index: 1, delta: {}, finish_reason: "stop" },
    ]);
  });

  it("never has a chunk without choices, nor usage, unless usage was asked for", async () => {
    const chunks = chunksOf((await post(user("hi", { stream: true }))).body);
    expect(chunks.filter(({ choices }) => choices.length === 0)).toEqual([]);
    expect(chunks.filter((chunk) => "usage" in chunk)).toEqual([]);
  });

  it("has usage null in every chunk and then once for all, last and without choices, when it was asked for", async () => {
    const chunks = chunksOf((await post(user("hi", { stream: true, stream_options: { include_usage: true } }))).body);
    const last = chunks.pop();
    expect(chunks.every(({ usage }) => usage === null)).toBe(true);
    expect(last).toMatchObject({ choices: [], usage: { completion_tokens: 1 } });
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe("stop");
  });

  it("never says error: null, which one SDK takes for an error", async () => {
    expect((await post(user("hi", { stream: true }))).body).not.toContain('"error"');
  });

  it("has the headers that proxies and clients need", async () => {
    const { headers } = await post(user("hi", { stream: true }));
    expect(headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(headers.get("cache-control")).toBe("no-cache, no-transform");
    expect(headers.get("x-accel-buffering")).toBe("no");
    expect(headers.get("content-length")).toBeNull();
    expect(headers.get("content-encoding")).toBeNull();
    expect(headers.get("x-request-id")).toMatch(/^req_/);
  });

  it("is a stream also where the client accepts JSON only, as SDKs say", async () => {
    const { headers } = await post(user("hi", { stream: true }), { accept: "application/json" });
    expect(headers.get("content-type")).toContain("text/event-stream");
  });
});

describe("errors under /v1", () => {
  it.each<[string, string, RequestInit, number, object]>([
    ["a path that nobody knows", "/v1/nothing", {}, 404, { code: "route_not_found" }],
    ["a method that the path lacks", path, {}, 405, { code: "method_not_allowed" }],
    ["a body that is no JSON", path, { method: "POST", body: "{", headers: json }, 400, { type: "invalid_request_error" }],
    ["a body that is no object", path, { method: "POST", body: "[]", headers: json }, 400, { type: "invalid_request_error" }],
    ["no body", path, { method: "POST", headers: json }, 400, { type: "invalid_request_error" }],
    [
      "a body of another type",
      path,
      { method: "POST", body: "a=b", headers: { "content-type": "multipart/form-data; boundary=x" } },
      415,
      {},
    ],
    ["a model that nobody knows", "/v1/models/nobody", {}, 404, { code: "model_not_found" }],
  ])("answer %s with the envelope of four keys", async (_name, at, init, status, error) => {
    const response = await fetch(server.url + at, init);
    expect(response.status).toBe(status);
    expect(response.headers.get("x-request-id")).toMatch(/^req_/);
    const body = (await response.json()) as { error: object };
    expect(Object.keys(body)).toEqual(["error"]);
    expect(Object.keys(body.error).toSorted()).toEqual(["code", "message", "param", "type"]);
    expect(body.error).toMatchObject({ message: expect.any(String), type: expect.any(String), code: expect.any(String), ...error });
    if (status === 405) expect(response.headers.get("allow")).toContain("POST");
  });

  it("answer a body above the limit with 413, and the same connection does not hang", async () => {
    const response = await fetch(server.url + path, { method: "POST", headers: json, body: `"${"x".repeat(17 * 2 ** 20)}"` });
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({ error: { code: expect.stringContaining("large") } });
  });
});

describe("names of models in paths", () => {
  it.each(["/v1/models/echo", "/v1/models/tiny", "/v1/models/tiny.gguf"])("finds %s", async (at) => {
    const response = await fetch(server.url + at);
    expect([response.status, await response.json()]).toMatchObject([200, { object: "model" }]);
  });

  it.each(["/v1/models/..%2F..%2Fetc%2Fpasswd", "/v1/models/%2Fetc%2Fpasswd", "/v1/models/../../etc/passwd"])(
    "never takes %s for a path",
    async (at) => {
      const client = await rawClient(server.url);
      client.send(`GET ${at} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`);
      const answer = await client.closed();
      expect(answer).toMatch(/^HTTP\/1.1 40[04] /);
      expect(answer).not.toContain("root:");
    },
  );
});

describe("what is beside the API", () => {
  it.each(["/health", "/healthz", "/livez", "/readyz"])("answers %s once the default model is loaded", async (at) => {
    const response = await fetch(server.url + at);
    expect(response.status).toBe(200);
  });

  it("answers the default model where none is named, and tells its name", async () => {
    const { body } = await post({ messages: [{ role: "user", content: "hi" }], max_tokens: 2 });
    expect(JSON.parse(body)).toMatchObject({ model: "tiny", choices: [{ finish_reason: "length" }] });
  });

  it("counts calls under names that are bounded", async () => {
    await post(user("hi"));
    await post({ ...user("hi"), model: "a-name-that-nobody-knows" });
    const text = await (await fetch(`${server.url}/metrics`)).text();
    expect(text).toMatch(/llm_requests_total\{[^}]*provider="echo"[^}]*\} [1-9]/);
    expect(text).toMatch(/llm_errors_total\{type="model_not_found"\} [1-9]/);
    expect(text).toContain("llm_model_loaded");
    expect(text).not.toContain("a-name-that-nobody-knows");
  });
});

interface Chunk {
  readonly id: string;
  readonly choices: readonly { readonly index: number; readonly delta: object; readonly finish_reason: string | null }[];
  readonly usage?: object | null;
}

async function post(body: unknown, headers = {}): Promise<{ headers: Headers; body: string }> {
  const response = await fetch(server.url + path, { method: "POST", headers: { ...json, ...headers }, body: JSON.stringify(body) });
  return { headers: response.headers, body: await response.text() };
}

function chunksOf(body: string): Chunk[] {
  const frames = body.split("\n\n").filter((frame) => frame.startsWith("data: ") && frame !== "data: [DONE]");
  return frames.map((frame) => JSON.parse(frame.slice("data: ".length)) as Chunk);
}
