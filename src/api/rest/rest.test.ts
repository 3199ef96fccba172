import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fault } from "../../core/reasons.ts";
import { openDoors, saying, type TestDoors } from "../../testing/test-doors.ts";

let doors: TestDoors;
beforeAll(async () => {
  doors = await openDoors(saying("hi"), {
    limits: { maxBodyBytes: 2000 },
    metricsText: async () => ({ contentType: "text/plain; version=0.0.4", body: "up 1\n" }),
  });
});
afterAll(() => doors.close());

const question = JSON.stringify({ messages: [{ role: "user", content: "hello" }] });

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly json: { readonly error: Record<string, unknown> } & Record<string, unknown>;
}

async function ask(path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(doors.url + path, init);
  const text = await response.text();
  expect(response.headers.get("x-request-id"), path).toMatch(/^req_[0-9a-f]{32}$/);
  return { status: response.status, headers: response.headers, json: (text === "" ? {} : JSON.parse(text)) as Answer["json"] };
}

const post = (body: string | Uint8Array, headers: Record<string, string> = { "content-type": "application/json" }) =>
  ask("/v1/chat/completions", { method: "POST", body: body as string, headers });

describe("REST", () => {
  it("says in headers who served an answer that comes whole", async () => {
    const { headers } = await post(question);
    const told = ["provider", "model", "attempts", "retries", "fallback", "hedged"].map((name) => headers.get(`x-parley-${name}`));
    expect(told).toEqual(["test", "tiny", "1", "0", "false", null]);
  });

  it("lists the names of what stands behind the service, and the default's", async () => {
    expect(await ask("/providers")).toMatchObject({ status: 200, json: { providers: ["echo", "openai"], default: "openai" } });
  });

  it.each([
    ["an unknown path", "/v1/nothing", {}, 404, "route_not_found"],
    ["a wrong method", "/v1/chat/completions", { method: "GET" }, 405, "method_not_allowed"],
    ["an unknown model", "/v1/models/nobody", {}, 404, "model_not_found"],
    ["a model's name that is no URL", "/v1/models/%zz", {}, 404, "model_not_found"],
    ["broken JSON", "/v1/chat/completions", { method: "POST", body: "{" }, 400, "malformed_body"],
    ["an empty body", "/v1/chat/completions", { method: "POST" }, 400, "malformed_body"],
    ["a list for a body", "/v1/chat/completions", { method: "POST", body: "[]" }, 400, "invalid_value"],
    [
      "a form",
      "/v1/chat/completions",
      { method: "POST", body: "a=1", headers: { "content-type": "multipart/form-data; boundary=x" } },
      415,
      "unsupported_media_type",
    ],
    [
      "another charset",
      "/v1/chat/completions",
      { method: "POST", body: question, headers: { "content-type": "application/json; charset=utf-16" } },
      415,
      "unsupported_media_type",
    ],
    [
      "an unknown encoding",
      "/v1/chat/completions",
      { method: "POST", body: question, headers: { "content-encoding": "zstd" } },
      415,
      "unsupported_media_type",
    ],
    [
      "two encodings",
      "/v1/chat/completions",
      { method: "POST", body: question, headers: { "content-encoding": "gzip, gzip" } },
      415,
      "unsupported_media_type",
    ],
    [
      "bytes that are not gzip",
      "/v1/chat/completions",
      { method: "POST", body: question, headers: { "content-encoding": "gzip" } },
      400,
      "malformed_body",
    ],
    [
      "a body beyond the limit",
      "/v1/chat/completions",
      { method: "POST", body: JSON.stringify({ messages: "x".repeat(3000) }) },
      413,
      "body_too_large",
    ],
    [
      "a body that grows beyond the limit",
      "/v1/chat/completions",
      { method: "POST", body: new Uint8Array(gzipSync(" ".repeat(1_000_000))), headers: { "content-encoding": "gzip" } },
      413,
      "body_too_large",
    ],
  ] as const)("answers %s with the envelope", async (...[, path, init, status, code]) => {
    const answer = await ask(path, init);
    expect(answer.status).toBe(status);
    expect(Object.keys(answer.json.error).toSorted()).toEqual(["code", "message", "param", "type"]);
    expect(answer.json.error).toMatchObject({ code, message: expect.any(String), type: expect.any(String) });
  });

  it("says which methods a path allows", async () => {
    const { headers } = await ask("/v1/models", { method: "DELETE" });
    expect(headers.get("allow")).toBe("GET, HEAD, OPTIONS");
    expect((await ask("/v1/chat/completions", { method: "OPTIONS" })).headers.get("allow")).toBe("POST, OPTIONS");
  });

  it.each([
    ["gzip", gzipSync],
    ["deflate", deflateSync],
    ["br", brotliCompressSync],
  ] as const)("reads a body that is compressed as %s", async (encoding, compress) => {
    const { status } = await post(new Uint8Array(compress(question)), { "content-encoding": encoding, "content-type": "application/json" });
    expect(status).toBe(200);
  });

  it.each([[undefined], ["text/plain;charset=UTF-8"], ["APPLICATION/JSON ; charset=utf-8"], ["application/vnd.api+json"]])(
    "takes JSON whatever it is called: %s",
    async (type) => {
      expect((await post(new TextEncoder().encode(question), type === undefined ? {} : { "content-type": type })).status).toBe(200);
    },
  );

  it("lets a key named __proto__ do nothing", async () => {
    const body = `{"messages":[{"role":"user","content":"x"}],"metadata":{"__proto__":"a","\\u005f_proto__":"b","team":"c"}}`;
    expect((await post(body)).status).toBe(200);
    expect(doors.requests.at(-1)?.metadata).toEqual({ team: "c" });
    expect(Object.getPrototypeOf(doors.requests.at(-1)?.metadata)).toBe(Object.prototype);
  });

  it("lists models, and describes one whose id has slashes and colons, escaped or not", async () => {
    const { json } = await ask("/v1/models");
    expect(json).toMatchObject({
      object: "list",
      data: [{ id: "org/big:7b", object: "model", created: expect.any(Number), owned_by: "local" }, {}, {}],
    });
    for (const path of ["org/big:7b", "org%2Fbig%3A7b", "org%2fbig:7b"])
      expect((await ask(`/v1/models/${path}`)).json["id"]).toBe("org/big:7b");
  });

  it("answers HEAD as GET, without a body", async () => {
    const { status, headers, json } = await ask("/v1/models", { method: "HEAD" });
    expect([status, json]).toEqual([200, {}]);
    expect(Number(headers.get("content-length"))).toBeGreaterThan(100);
  });

  it("answers probes, and /readyz with the reason until it is ready", async () => {
    const message = "the service answers, and its default model is there";
    const dependencies = { redis: "not used", kafka: "not used", langchain: "ok" };
    expect((await ask("/health")).json).toEqual({
      status: "ok",
      name: "parley",
      version: "0.0.0-test",
      ready: true,
      message,
      dependencies,
    });
    for (const path of ["/healthz", "/livez", "/readyz"]) expect((await ask(path)).status).toBe(200);
    doors.health.setNotReadyBecause("loading tiny");
    const { status, json } = await ask("/readyz");
    expect([status, json["reason"]]).toEqual([503, "loading tiny"]);
    expect((await ask("/livez")).status).toBe(200);
    expect(await ask("/health")).toMatchObject({ status: 200, json: { status: "ok", ready: false, reason: "loading tiny" } });
    doors.health.setNotReadyBecause("model tiny failed: it is broken", true);
    const failed = { status: "failed", name: "parley", ready: false, reason: "model tiny failed: it is broken" };
    expect(await ask("/health")).toMatchObject({ status: 503, json: { ...failed, dependencies: { langchain: "not ready" } } });
    for (const path of ["/healthz", "/livez"]) expect((await ask(path)).status).toBe(200);
    doors.health.setNotReadyBecause("");
  });

  it("says what it is at the root, whatever stands behind the question mark", async () => {
    expect((await ask("/?x=1")).json).toMatchObject({
      name: "parley",
      version: "0.0.0-test",
      endpoints: expect.arrayContaining(["/v1/models"]),
    });
  });

  it("serves the metrics page it is given", async () => {
    const response = await fetch(`${doors.url}/metrics`);
    expect([response.headers.get("content-type"), await response.text()]).toEqual(["text/plain; version=0.0.4", "up 1\n"]);
  });

  it("logs one line for a request that no layer logged, probes at debug", async () => {
    const before = doors.log.length;
    const { headers } = await ask("/v1/nothing");
    await ask("/healthz");
    await ask("/v1/models");
    const lines = doors.log.slice(before);
    expect(lines.map(({ level, facts }) => [level, facts["procedure"], facts["status"]])).toEqual([
      ["info", "_OTHER", "route_not_found"],
      ["debug", "GET /healthz", "ok"],
      ["info", "GET /v1/models", "ok"],
    ]);
    expect(lines[0]?.facts["requestId"]).toBe(headers.get("x-request-id"));
  });

  it("gives each request an id of its own, whatever the client sends", async () => {
    const { headers } = await ask("/v1/models", { headers: { "x-request-id": "mine" } });
    expect(headers.get("x-request-id")).not.toBe("mine");
  });

  it("copies an idempotency key from the header to the request", async () => {
    await post(question, { "idempotency-key": "k-1", "content-type": "application/json" });
    expect(doors.requests.at(-1)?.idempotencyKey).toBe("k-1");
  });
});

describe("an error with a delay", () => {
  it("tells SDKs when to try again in both headers, and never 0", async () => {
    const busy = await openDoors(() => {
      throw fault("queue_full", "the queue is full", { retryAfterMs: 0 });
    });
    const response = await fetch(`${busy.url}/v1/chat/completions`, { method: "POST", body: question });
    expect(response.status).toBe(503);
    expect(["retry-after", "x-should-retry"].map((name) => response.headers.get(name))).toEqual(["1", "true"]);
    expect(Number(response.headers.get("retry-after-ms"))).toBeGreaterThanOrEqual(100);
    expect(Number(response.headers.get("retry-after-ms"))).toBeLessThanOrEqual(110);
    await busy.close();
  });
});
