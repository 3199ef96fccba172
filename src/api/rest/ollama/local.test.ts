import { access, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { sha256Of } from "../../../testing/model-hub.ts";
import { sharedFolder } from "../../../testing/temporary-folder.ts";
import { startTestServer, type TestServer } from "../../../testing/test-server.ts";
import { writeTinyBert } from "../../../testing/tiny-bert.ts";
import { tinyGguf, writeTinyGguf } from "../../../testing/tiny-gguf.ts";

vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 });

// Models of this machine, as Ollama's clients load, list, bring and delete them.

const bytes = tinyGguf({ seed: 5 });
const entry = { id: "small", title: "Small", licence: "MIT", file: "small-file.gguf", purpose: "chat", tried: true, sources: [] };
const folder = sharedFolder();
const models = join(folder, "models");

let server: TestServer;
beforeAll(async () => {
  const mirror = join(folder, "mirror");
  for (const each of [models, mirror]) await mkdir(each);
  await writeFile(join(mirror, entry.file), bytes);
  const hub = { hub: "owner/name", revision: "main", path: entry.file };
  const catalog = [
    { ...entry, sizeBytes: bytes.length, sha256: sha256Of(bytes), sources: [hub] },
    { ...entry, id: "broken", file: "broken.gguf", sizeBytes: bytes.length, sha256: "0".repeat(64), sources: [hub] },
  ];
  await writeFile(join(mirror, "broken.gguf"), bytes);
  await writeFile(join(models, "catalog.json"), JSON.stringify({ default: "small", models: catalog }));
  await writeTinyGguf(join(models, "tiny.gguf"));
  await writeTinyBert(join(models, "encoder.gguf"));
  server = await startTestServer({
    modelsDirectory: models,
    environment: { LLM_MODEL_MIRROR: mirror, HF_ENDPOINT: "https://127.0.0.1:9" },
  });
});
afterAll(() => server.close());

/** What a proxy leaves: whoever asks is not on this machine then. */
const fromAfar = { "x-forwarded-for": "192.0.2.1" };

async function ask(path: string, body: object, headers: Readonly<Record<string, string>> = {}) {
  const method = path === "/api/delete" ? "DELETE" : "POST";
  const response = await fetch(server.url + path, { method, headers, body: JSON.stringify(body) });
  const text = await response.text();
  const lines =
    text === ""
      ? []
      : text
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { status: response.status, type: response.headers.get("content-type"), lines, text };
}

async function running(): Promise<Record<string, unknown>[]> {
  const answer = (await (await fetch(`${server.url}/api/ps`)).json()) as { models: Record<string, unknown>[] };
  return answer.models;
}

describe("a question that asks nothing", () => {
  it("loads the model for so long as it says, and unloads it where that is no time", async () => {
    const loaded = await ask("/api/generate", { model: "tiny:latest", keep_alive: "30m", options: { num_ctx: 512 } });
    expect([loaded.status, loaded.lines]).toEqual([
      200,
      [expect.objectContaining({ model: "tiny:latest", response: "", done: true, done_reason: "load" })],
    ]);
    const [tiny, ...others] = await running();
    expect(others).toEqual([]);
    expect(tiny).toMatchObject({
      name: "tiny:latest",
      model: "tiny:latest",
      context_length: 512,
      size_vram: 0,
      details: { family: "llama", format: "gguf" },
    });
    expect(Number(tiny?.["size"])).toBeGreaterThan(100_000);
    expect(new Date(String(tiny?.["expires_at"])).getTime() - Date.now()).toBeGreaterThan(29 * 60_000);
    await ask("/api/chat", { model: "tiny", messages: [], keep_alive: -1 });
    expect(new Date(String((await running())[0]?.["expires_at"])).getUTCFullYear()).toBeGreaterThan(2200);
    const unloaded = await ask("/api/chat", { model: "tiny", keep_alive: 0 });
    expect(unloaded.lines).toEqual([expect.objectContaining({ message: { role: "assistant", content: "" }, done_reason: "unload" })]);
    expect(await running()).toEqual([]);
  });

  it("is for whoever may manage, unless the model is as it is wanted", async () => {
    const refused = { status: 403, lines: [{ error: expect.stringContaining("the scope admin") as string }] };
    expect(await ask("/api/generate", { model: "tiny" }, fromAfar)).toMatchObject(refused);
    expect(await ask("/api/generate", { model: "tiny", keep_alive: 0 }, fromAfar)).toMatchObject({ status: 200 });
    await ask("/api/generate", { model: "tiny" });
    expect(await ask("/api/generate", { model: "tiny" }, fromAfar)).toMatchObject({ status: 200, lines: [{ done_reason: "load" }] });
    expect(await ask("/api/chat", { model: "tiny", keep_alive: "1h" }, fromAfar)).toMatchObject(refused);
    expect(await ask("/api/chat", { model: "tiny", keep_alive: 0 }, fromAfar)).toMatchObject(refused);
    expect(await running()).toHaveLength(1);
    await ask("/api/generate", { model: "tiny", keep_alive: 0 });
  });

  it("is not needed where a question says how long the model stays after it, which is heeded of those who may manage", async () => {
    const asked = { model: "tiny", prompt: "hi", stream: false, options: { num_predict: 2 } };
    const minutes = async () => Math.round((new Date(String((await running())[0]?.["expires_at"])).getTime() - Date.now()) / 60_000);
    await ask("/api/generate", { ...asked, keep_alive: "20m" });
    expect(await minutes()).toBe(20);
    const lines = await ask("/api/chat", { ...asked, messages: [{ role: "user", content: "hi" }], stream: true, keep_alive: 7200 });
    expect(lines.lines.at(-1)).toMatchObject({ done: true });
    expect(await minutes()).toBe(120);
    expect(await ask("/api/generate", { ...asked, keep_alive: 0 }, fromAfar)).toMatchObject({ status: 200, lines: [{ eval_count: 2 }] });
    expect(await minutes()).toBe(120);
    expect(await ask("/api/generate", { ...asked, keep_alive: 0 })).toMatchObject({ status: 200, lines: [{ eval_count: 2 }] });
    expect(await running()).toEqual([]);
    await ask("/api/embed", { model: "encoder", input: "a", keep_alive: 0 });
    expect(await running()).toEqual([]);
  });

  it("of vectors loads their model too", async () => {
    expect((await ask("/api/embed", { model: "encoder", input: [] })).lines).toEqual([{ model: "encoder", embeddings: [] }]);
    expect((await running()).map(({ name }) => name)).toEqual(["encoder:latest"]);
    expect((await ask("/api/embeddings", { model: "encoder", keep_alive: 0 })).lines).toEqual([{ embedding: [] }]);
    expect(await running()).toEqual([]);
  });

  it("of a model that is nowhere, or in the catalog alone, says what can be done", async () => {
    expect(await ask("/api/generate", { model: "nobody" })).toMatchObject({
      status: 404,
      lines: [{ error: expect.stringContaining("nobody") as string }],
    });
    for (const path of ["/api/generate", "/api/show"])
      expect(await ask(path, { model: "broken" })).toMatchObject({
        status: 404,
        lines: [{ error: expect.stringContaining("pull it") as string }],
      });
  });
});

describe("vectors", () => {
  it("are of as much of a text as the model reads, unless it must be read whole", async () => {
    const long = "bread ".repeat(99);
    const cut = await ask("/api/embed", { model: "encoder", input: ["a", long], dimensions: 8 });
    expect(cut.lines[0]).toMatchObject({ model: "encoder", prompt_eval_count: 3 + 64, total_duration: expect.any(Number) as number });
    expect((cut.lines[0]!["embeddings"] as number[][]).map(({ length }) => length)).toEqual([8, 8]);
    const whole = await ask("/api/embed", { model: "encoder", input: ["a", long], truncate: false });
    expect([whole.status, whole.lines[0]?.["error"]]).toEqual([400, expect.stringMatching(/^input\[1\]: has 101 tokens.* 64 /)]);
    expect((await ask("/api/embeddings", { model: "encoder", prompt: long })).lines[0]?.["embedding"]).toHaveLength(64);
    expect((await ask("/api/embed", { model: "encoder", input: "a", dimensions: 65 })).lines[0]?.["error"]).toMatch(/^dimensions: 65/);
  });
});

describe("a model of the catalog", () => {
  it("is brought, line by line, then listed and shown, answers, and is deleted", async () => {
    const pulled = await ask("/api/pull", { model: "small:latest" });
    expect([pulled.status, pulled.type]).toEqual([200, "application/x-ndjson"]);
    const statuses = pulled.lines.map(({ status }) => status).filter((status, at, all) => status !== all[at - 1]);
    const hash = sha256Of(bytes);
    expect(statuses).toEqual([
      "pulling manifest",
      `pulling ${hash.slice(0, 12)}`,
      "verifying sha256 digest",
      "writing manifest",
      "success",
    ]);
    const loading = pulled.lines.filter(({ digest }) => digest === `sha256:${hash}`);
    expect(loading.at(-1)).toMatchObject({ total: bytes.length, completed: bytes.length });
    expect((await ask("/api/pull", { name: "small", stream: false })).lines).toEqual([{ status: "success" }]);

    const { models: listed } = (await (await fetch(`${server.url}/api/tags`)).json()) as { models: Record<string, unknown>[] };
    expect(listed.find(({ name }) => name === "small:latest")).toMatchObject({
      size: bytes.length,
      digest: hash,
      capabilities: ["completion", "tools"],
    });
    const [shown] = (await ask("/api/show", { model: "small" })).lines;
    expect(shown).toMatchObject({
      license: "MIT",
      template: expect.stringContaining("{% for message in messages %}") as string,
      model_info: {
        "general.architecture": "llama",
        "llama.context_length": 2048,
        "llama.embedding_length": 64,
        "general.parameter_count": expect.any(Number) as number,
      },
      details: { parameter_size: expect.stringMatching(/^\d+K$/) as string, quantization_level: "" },
    });
    expect(
      (await ask("/api/generate", { model: "small", prompt: "hi", stream: false, options: { num_predict: 3 } })).lines[0],
    ).toMatchObject({
      done_reason: "length",
      eval_count: 3,
      load_duration: expect.any(Number) as number,
    });

    const long = { model: "small", prompt: "hi", options: { num_predict: 1500 } };
    const answering = await fetch(`${server.url}/api/generate`, { method: "POST", body: JSON.stringify(long) });
    const reader = answering.body!.getReader();
    await reader.read();
    expect(await ask("/api/delete", { model: "small" })).toMatchObject({
      status: 409,
      lines: [{ error: expect.stringContaining("answers calls") as string }],
    });
    await reader.cancel();
    // Loaded still, and idle as soon as its call has heard that nobody waits.
    expect((await running()).map(({ name }) => name)).toContain("small:latest");
    await expect.poll(() => ask("/api/delete", { model: "small:latest" }), { timeout: 20_000 }).toMatchObject({ status: 200, text: "" });
    await expect(access(join(models, entry.file))).rejects.toThrow("ENOENT");
    expect((await ask("/api/delete", { model: "small" })).status).toBe(404);
  });

  it("whose bytes are not the catalog's ends the lines with an error, or has its own status", async () => {
    const { status, lines } = await ask("/api/pull", { model: "broken" });
    expect([status, lines[0], lines.at(-1)]).toEqual([
      200,
      { status: "pulling manifest" },
      { error: expect.stringMatching(/bytes|hash|sha/i) as string },
    ]);
    expect((await ask("/api/pull", { model: "broken", stream: false })).status).toBe(500);
  });

  it("is brought and deleted by whoever may manage alone, and by no insecure way", async () => {
    expect(await ask("/api/pull", { model: "small" }, fromAfar)).toMatchObject({
      status: 403,
      lines: [{ error: expect.stringContaining("POST /api/pull") as string }],
    });
    expect((await ask("/api/delete", { model: "tiny" }, fromAfar)).status).toBe(403);
    expect((await ask("/api/pull", { model: "nobody" })).status).toBe(404);
    expect((await ask("/api/pull", { model: "small", insecure: true })).lines).toEqual([
      { error: expect.stringMatching(/^insecure: /) as string },
    ]);
    expect((await ask("/api/pull", {})).lines).toEqual([{ error: "model: is required" }]);
  });
});
