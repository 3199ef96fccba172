import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { shapeOf, walkDocument } from "../../../testing/older-document.ts";
import { startParleyProcess } from "../../../testing/parley-process.ts";
import { temporaryFolder } from "../../../testing/temporary-folder.ts";
import { startTestServer, type TestServer, type TestServerOptions } from "../../../testing/test-server.ts";
import { tinyGguf } from "../../../testing/tiny-gguf.ts";
import { upstreamFor } from "../../../testing/upstream-service.ts";

// AWA's document, line by line.

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let server: TestServer;
beforeAll(async () => (server = await startTestServer()));
afterAll(() => server.close());

async function llm(url: string, body: object, headers: Readonly<Record<string, string>> = {}) {
  const answer = await fetch(`${url}/llm`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  return { status: answer.status, json: (await answer.json()) as { completion?: string; detail?: string } };
}

async function service(options: TestServerOptions): Promise<TestServer> {
  const started = await startTestServer(options);
  onTestFinished(() => started.close());
  return started;
}

/** The service's own name of the variable, without that of the test server, which would beat it. */
const byAlias = (provider: string) => ({ LLM_DEFAULT_PROVIDER: "", LLM_PROVIDER: provider });

/** Line 28. */
const golden = { request: { prompt: "...", max_tokens: 256, temperature: 0.7 }, answer: { completion: "..." } };

/** A file whose header is in order, and which ends the process that loads it: the native library divides by the number of its heads. */
function fatalGguf(): Buffer {
  const bytes = Buffer.from(tinyGguf());
  const key = "llama.attention.head_count";
  bytes.writeUInt32LE(0, bytes.indexOf(key) + key.length + 4);
  return bytes;
}

describe("AWA's document", () => {
  walkDocument({
    service: "AWA",
    file: "000",
    endpoints: { "GET /health": 27, "POST /llm": 28 },
    variables: [
      ["LLM_PROVIDER", 18, "lan", "models.defaultProvider", "lan"],
      ["LLM_BASE_URL", 19, "http://localhost:8000", "upstreams.lan.baseUrl", "http://localhost:8000/v1"],
      ["LLM_API_KEY", 20, "secret", "upstreams.lan.apiKeys", ["secret"], { LLM_PROVIDER: "lan" }],
      ["LLM_API_KEY", 35, "secret", "keys.given", ["secret"]],
      ["LLM_TIMEOUT_SECS", 21, "60", "limits.values.unaryCallMs", 60_000],
      ["LLM_PROVIDER_FALLBACK", 22, "stub", "fallback", ["stub"]],
      ["LLM_URL", 24, "http://localhost:8001/llm", "upstreams.raw.baseUrl", "http://localhost:8001/llm"],
    ],
  });

  it("line 27: GET /health says that it is well", async () => {
    expect(await (await fetch(`${server.url}/health`)).json()).toMatchObject({ status: "ok" });
  });

  it("line 28: POST /llm takes a prompt and answers with a completion", async () => {
    const { status, json } = await llm(server.url, golden.request);
    expect([status, shapeOf(json)]).toEqual([200, shapeOf(golden.answer)]);
    expect(json.completion).toBe("...");
  });

  it("line 28: max_tokens and temperature reach the model", async () => {
    const upstream = await upstreamFor();
    const { url } = await service({ environment: { ...byAlias("local"), LLM_URL: `${upstream.url}/llm` } });
    await llm(url, golden.request);
    expect(upstream.requests.at(-1)?.body).toEqual(golden.request);
  });

  it("line 28: what a caller must mend has its own status, and names the field as the caller did", async () => {
    for (const [body, field] of [
      [{}, "prompt"],
      [{ prompt: "" }, "prompt"],
      [{ prompt: "x", max_tokens: 0 }, "max_tokens"],
      [{ prompt: "x", temperature: 3 }, "temperature"],
    ] as const) {
      const { status, json } = await llm(server.url, body);
      expect([status, shapeOf(json)]).toEqual([400, { detail: "string" }]);
      expect(json.detail).toMatch(new RegExp(`^${field}: `));
    }
  });

  it("line 28: a failure is a 500 with the last line of the native library, and no path", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "fatal.gguf"), fatalGguf());
    const environment = { LLM_DEFAULT_PROVIDER: "local", LLM_DEFAULT_MODEL: "fatal", LLM_MODELS_DIR: folder };
    const parley = await startParleyProcess({ environment });
    onTestFinished(() => parley.cleanUp());
    const { status, json } = await llm(parley.url, { prompt: "a secret prompt" });
    expect([status, shapeOf(json)]).toEqual([500, { detail: "string" }]);
    expect(json.detail).toMatch(/^the process of model "fatal" (failed|has failed).* \(.*(GGML_ASSERT|llama|ggml).*\)$/);
    for (const hidden of [folder, "/", "a secret prompt"]) expect(json.detail).not.toContain(hidden);
  });

  it.each(["server-error", "unavailable", "rate-limited"] as const)(
    "line 28: an upstream's %s is a 500, but for a limit of rate",
    async (cause) => {
      const upstream = await upstreamFor({ turns: [{ fault: { is: "refusal", cause } }] });
      const { url } = await service({
        environment: { ...byAlias("openai"), LLM_OPENAI_BASE_URL: `${upstream.url}/v1`, OPENAI_API_KEY: "k" },
      });
      const { status, json } = await llm(url, golden.request);
      expect([status, shapeOf(json)]).toEqual([cause === "rate-limited" ? 429 : 500, { detail: "string" }]);
    },
  );

  it("lines 18 and 24: an upstream that takes conversations alone is asked the prompt as a question", async () => {
    const upstream = await upstreamFor();
    const { url } = await service({
      environment: { ...byAlias("anthropic"), LLM_ANTHROPIC_BASE_URL: upstream.url, ANTHROPIC_API_KEY: "k" },
    });
    expect(await llm(url, { prompt: "Why?" })).toEqual({ status: 200, json: { completion: "one two three" } });
    expect(upstream.requests.at(-1)?.body["messages"]).toMatchObject([{ role: "user" }]);
    expect(JSON.stringify(upstream.requests.at(-1)?.body)).toContain("Why?");
  });

  it("lines 18 to 20, 33 and 35: the lan provider reaches another service, with its key", async () => {
    const inner = await service({ environment: { LLM_API_KEY: "shared-secret" } });
    expect((await llm(inner.url, golden.request, { authorization: "Bearer wrong" })).status).toBe(401);
    const environment = { ...byAlias("lan"), LLM_BASE_URL: inner.url, LLM_API_KEY: "shared-secret", LLM_PROVIDER_FALLBACK: "none" };
    const outer = await service({ environment });
    expect(await llm(outer.url, { prompt: "over there" })).toEqual({ status: 200, json: { completion: "over there" } });
  });

  it("line 24: the local provider uses the raw route of another service", async () => {
    const outer = await service({ environment: { ...byAlias("local"), LLM_URL: `${server.url}/llm` } });
    expect(await llm(outer.url, { prompt: "raw" })).toEqual({ status: 200, json: { completion: "raw" } });
  });

  it("lines 22 and 36: when the lan service is gone, the stub answers, and a warning is logged", async () => {
    const outer = await service({ environment: { ...byAlias("lan"), LLM_BASE_URL: "http://127.0.0.1:9" } });
    expect((await llm(outer.url, { prompt: "still there" })).json).toEqual({ completion: "still there" });
    expect(outer.log.some(({ level }) => level === "warn")).toBe(true);
  });

  it("line 39: every call of /llm is logged with its latency, and without its prompt", async () => {
    await llm(server.url, { prompt: "not for the log" });
    const line = server.log.findLast(({ facts }) => facts["procedure"] === "POST /llm");
    expect(line?.facts["durationMs"]).toEqual(expect.any(Number));
    expect(
      JSON.stringify(
        server.log.map(({ facts }) => facts),
        (_key, value: unknown) => (typeof value === "bigint" ? String(value) : value),
      ),
    ).not.toContain("not for the log");
  });
});
