import { afterEach, describe, expect, it } from "vitest";
import { FinishReason } from "../../../../gen/parley/v1/chat_pb.ts";
import { accepted, finished, started, text, toolCall } from "../../../core/events.ts";
import { fault } from "../../../core/reasons.ts";
import { done, failing, openDoors, saying, type Script, type TestDoors } from "../../../testing/test-doors.ts";

let doors: TestDoors;
afterEach(() => doors.close());

const messages = [{ role: "user", content: "hello" }];
const begun = (model = "tiny") => accepted({ id: "chatcmpl-1", model, createdMs: 1_700_000_000_000 });

async function ask(path: string, body: object | undefined, method = "POST") {
  const response = await fetch(doors.url + path, { method, ...(body !== undefined && { body: JSON.stringify(body) }) });
  const words = await response.text();
  const lines = words.trim().split("\n").filter(Boolean);
  return {
    status: response.status,
    headers: response.headers,
    words,
    lines: lines.map((line) => JSON.parse(line) as Record<string, unknown>),
  };
}

describe("an answer in lines", () => {
  it("is written as Ollama writes it, a line a piece, and the last says that it is done", async () => {
    doors = await openDoors(saying("Hal", "lo"));
    const { headers, words, lines } = await ask("/api/chat", { model: "tiny", messages });
    const line = (content: string) => ({
      model: "tiny",
      created_at: expect.any(String) as string,
      message: { role: "assistant", content },
      done: false,
    });
    const last = { ...line(""), done: true, done_reason: "stop", prompt_eval_count: 3, eval_count: 2 };
    expect(lines).toEqual([line("Hal"), line("lo"), expect.objectContaining(last)]);
    expect(words.endsWith("}\n")).toBe(true);
    expect(Object.fromEntries(headers)).toMatchObject({
      "content-type": "application/x-ndjson",
      "cache-control": "no-cache, no-transform",
      "x-accel-buffering": "no",
      "x-request-id": expect.stringMatching(/^req_/) as string,
    });
  });

  it("is one object where no stream is wanted, with who served it in the headers", async () => {
    doors = await openDoors(saying("Hal", "lo"));
    const { headers, lines } = await ask("/api/generate", { model: "tiny", prompt: "hello", stream: false });
    expect(lines).toEqual([
      expect.objectContaining({
        model: "tiny",
        created_at: "2023-11-14T22:13:20.000Z",
        response: "Hallo",
        done: true,
        done_reason: "stop",
      }),
    ]);
    expect([headers.get("content-type"), headers.get("x-parley-provider")]).toEqual(["application/json", "test"]);
  });

  it("ends with a line of the error where that comes after the first words", async () => {
    doors = await openDoors(async function* broken() {
      yield begun();
      yield started("test", "tiny");
      yield text(0, "a");
      throw fault("provider_truncated", "the upstream broke off");
    });
    const { status, lines } = await ask("/api/chat", { model: "tiny", messages });
    expect([status, lines.at(-1)]).toEqual([200, { error: "the upstream broke off" }]);
    expect(lines).toHaveLength(2);
  });

  it("ends so too where a call of a tool cannot be told", async () => {
    const calls: Script = async function* calls() {
      yield begun();
      yield started("test", "tiny");
      yield toolCall({ choice: 0, index: 0, id: "1", name: "f", arguments: "{" });
      yield finished(0, FinishReason.LENGTH);
      yield done(1);
    };
    doors = await openDoors(calls);
    expect((await ask("/api/chat", { model: "tiny", messages })).lines).toEqual([
      { error: expect.stringContaining("no JSON object") as string },
    ]);
  });
});

describe("a failure", () => {
  it.each([
    ["rate_limited", 429],
    ["queue_full", 503],
    ["provider_unavailable", 502],
    ["model_not_found", 404],
    ["internal", 500],
  ] as const)("before the first words, %s, has its status, and the stream's request a JSON error", async (reason, status) => {
    doors = await openDoors(failing(fault(reason, "it is so", { retryAfterMs: 1500 })));
    for (const stream of [true, false]) {
      const { headers, ...answer } = await ask("/api/chat", { model: "tiny", messages, stream });
      expect(answer).toMatchObject({ status, lines: [{ error: "it is so" }] });
      expect([headers.get("content-type"), headers.get("retry-after")]).toEqual(["application/json", "2"]);
    }
  });

  it("of a path, a method or a body is told in the same words", async () => {
    doors = await openDoors(saying("x"));
    expect(await ask("/api/nothing", undefined, "GET")).toMatchObject({
      status: 404,
      lines: [{ error: expect.stringContaining("/api/nothing") as string }],
    });
    const other = await ask("/api/chat", undefined, "GET");
    expect([other.status, other.headers.get("allow"), other.lines]).toEqual([
      405,
      "POST, OPTIONS",
      [{ error: expect.any(String) as string }],
    ]);
    const bad = await fetch(`${doors.url}/api/chat`, { method: "POST", body: "{" });
    expect([bad.status, await bad.json()]).toEqual([400, { error: expect.stringContaining("not JSON") as string }]);
    expect((await fetch(`${doors.url}/api/blobs/sha256:${"0".repeat(64)}`, { method: "HEAD" })).status).toBe(501);
  });
});

describe("the service", () => {
  it("answers those who ask whether it lives, and which version of the API it has", async () => {
    doors = await openDoors(saying("x"));
    expect((await fetch(doors.url, { method: "HEAD" })).status).toBe(200);
    expect((await ask("/api/version", undefined, "GET")).lines).toEqual([
      { version: expect.stringMatching(/^\d+\.\d+\.\d+$/) as string, parley: "0.0.0-test" },
    ]);
  });

  it("knows a model by the tag that it lists it with, and by a tag of its own", async () => {
    doors = await openDoors(saying("x"));
    const { models } = (await ask("/api/tags", undefined, "GET")).lines[0] as { models: { name: string }[] };
    expect(models.map(({ name }) => name)).toEqual(["org/big:7b", "tiny:latest", "tiny-2:latest"]);
    for (const model of ["tiny:latest", "tiny", "org/big:7b"]) {
      const { lines } = await ask("/api/chat", { model, messages });
      expect(new Set(lines.map((line) => line["model"]))).toEqual(new Set([model]));
    }
    expect(doors.requests.map(({ model }) => model)).toEqual(["tiny", "tiny", "org/big:7b"]);
  });
});
