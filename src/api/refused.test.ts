import { afterAll, beforeAll, beforeEach, expect, it, describe } from "vitest";
import { rawClient } from "../testing/raw-client.ts";
import { openDoors, saying, type TestDoors } from "../testing/test-doors.ts";

const counted: string[] = [];
const durations: number[] = [];
let doors: TestDoors;
beforeAll(async () => {
  doors = await openDoors(saying("hi"), {
    limits: { maxBodyBytes: 2000, bodyMs: 40 },
    refused: (status, durationMs) => void (counted.push(status), durations.push(durationMs)),
  });
});
beforeEach(() => {
  counted.length = 0;
  durations.length = 0;
});
afterAll(() => doors.close());

const chat = "/v1/chat/completions";
const rpc = "/parley.v1.ChatService/Chat";
const json = { "content-type": "application/json" };
const messages = [{ role: "user", content: "x" }];

interface Ask {
  readonly method: string;
  readonly body?: string;
  readonly headers?: Record<string, string>;
}

/** Sends, and waits until the request's line is in the log: what is counted has been counted by then. */
async function ask(path: string, { headers, ...init }: Ask): Promise<void> {
  const ended = () => doors.log.filter(({ message }) => message === "request").length;
  const before = ended();
  await (await fetch(doors.url + path, { ...init, headers: { ...json, ...headers } })).arrayBuffer();
  await expect.poll(ended).toBe(before + 1);
}

describe("a call that no layer sees is counted by its reason", () => {
  it.each([
    ["a body that is no JSON", chat, { body: "{" }, "malformed_body"],
    ["a body that is too large", chat, { body: JSON.stringify({ messages: "x".repeat(3000) }) }, "body_too_large"],
    ["a form", chat, { body: "a=1", headers: { "content-type": "multipart/form-data; boundary=x" } }, "unsupported_media_type"],
    ["a field that the dialect refuses", chat, { body: JSON.stringify({ messages, best_of: 2 }) }, "unsupported_field"],
    ["a page of another origin", chat, { body: "{}", headers: { origin: "https://evil.example" } }, "permission_denied"],
    ["a message that is no JSON", rpc, { body: "{" }, "malformed_body"],
    ["a message that is too large", rpc, { body: JSON.stringify({ model: "x".repeat(3000) }) }, "body_too_large"],
    ["a deadline that cannot be read", rpc, { body: "{}", headers: { "connect-timeout-ms": "soon" } }, "invalid_request"],
    ["an RPC of work that is not in this version", "/parley.v1.EmbeddingService/Embed", { body: "{}" }, "unimplemented"],
  ])("%s", async (...[, path, init, status]) => {
    await ask(path, { ...init, method: "POST" });
    expect(counted).toEqual([status]);
    expect(durations[0]).toBeGreaterThan(0);
  });

  it("a body that does not come", async () => {
    const client = await rawClient(doors.url);
    client.send(`POST ${chat} HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{`);
    await client.closed();
    await expect.poll(() => counted).toEqual(["request_timeout"]);
    expect(durations[0]).toBeGreaterThanOrEqual(40);
  });
});

describe("what is no call, or was answered, is not counted", () => {
  it.each([
    ["an unknown path", "/v1/nothing", { method: "POST", body: "{}" }],
    ["a wrong method", chat, { method: "GET" }],
    ["a preflight of nobody", chat, { method: "OPTIONS" }],
    ["an unknown model", "/v1/models/nobody", { method: "GET" }],
    ["management", "/parley.v1.ModelService/UnloadModel", { method: "POST", body: "{}" }],
    ["a probe that fails", "/grpc.health.v1.Health/Check", { method: "POST", body: '{"service":"nobody"}' }],
    ["an answer", chat, { method: "POST", body: JSON.stringify({ messages }) }],
  ])("%s", async (...[, path, init]) => {
    await ask(path, init);
    expect(counted).toEqual([]);
  });
});
