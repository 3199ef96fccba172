import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { keysIn, writeKeys } from "../../../testing/key-file.ts";
import { sharedFolder } from "../../../testing/temporary-folder.ts";
import { startTestServer, type TestServer } from "../../../testing/test-server.ts";

const folder = sharedFolder();
let server: TestServer;
beforeAll(async () => {
  writeKeys(keysIn(folder), [
    { id: "any", key: "key-of-any" },
    { id: "ten", key: "key-of-ten", limits: { maxTokens: 10 } },
  ]);
  server = await startTestServer({ environment: { LLM_API_KEYS_FILE: join(folder, "keys", "keys.json") } });
});
afterAll(() => server.close());

interface Completed {
  readonly choices?: readonly { readonly text: string; readonly finish_reason: string }[];
  readonly usage?: { readonly completion_tokens: number };
  readonly error?: { readonly message: string; readonly param: string };
}

async function complete(key: string, body: object) {
  const response = await fetch(`${server.url}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
    body: JSON.stringify({ model: "echo", ...body }),
  });
  const text = await response.text();
  const id = response.headers.get("x-request-id");
  const lines = () => server.log.filter(({ message, facts }) => message === "call" && facts["requestId"] === id).map(({ facts }) => facts);
  return { status: response.status, text, headers: response.headers, lines };
}

const twenty = Array.from({ length: 20 }, () => "word").join(" ");

it.each([
  ["key-of-any", twenty, [16]],
  ["key-of-ten", twenty, [10]],
  ["key-of-ten", [twenty, twenty], [5, 5]],
])("who says nothing of a limit gets sixteen tokens, or what the key allows: %s", async (key, prompt, words) => {
  const { status, text } = await complete(key, { prompt });
  const { choices = [] } = JSON.parse(text) as Completed;
  expect([status, ...choices.map((choice) => choice.text.trim().split(" ").length)]).toEqual([200, ...words]);
});

it.each([
  [{ prompt: "a", max_tokens: 16 }, "max_tokens", "16 is more than"],
  [{ prompt: ["a", "b"], max_tokens: 6 }, "max_tokens", "6 for each of 2 answers is more than"],
  [{ prompt: Array.from({ length: 11 }, () => "a") }, "prompt", "1 for each of 11 answers is more than"],
])("what a key does not allow is refused by the caller's name for it, with the key's own limit", async (body, param, words) => {
  const { status, text } = await complete("key-of-ten", body);
  const { error } = JSON.parse(text) as Completed;
  expect([status, error?.param]).toEqual([403, param]);
  expect(error?.message).toContain(`${words} this key's limit maxTokens, 10 in all`);
});

it.each([false, true])("several prompts are one call in the log, the metrics and the headers (stream: %s)", async (stream) => {
  const count = async () => {
    const metrics = await (await fetch(`${server.url}/metrics`, { headers: { authorization: "Bearer key-of-any" } })).text();
    return Number(/^llm_requests_total\{provider="echo",model="echo",status="ok"\} (\d+)$/m.exec(metrics)?.[1] ?? 0);
  };
  const before = await count();
  const { status, headers, lines } = await complete("key-of-any", { prompt: ["one two", "three", "four five six"], stream });
  expect(status).toBe(200);
  if (!stream) expect(headers.get("x-parley-attempts")).toBe("3");
  expect(lines()).toMatchObject([{ operation: "chat", status: "ok", completionTokens: 6 }]);
  expect((await count()) - before).toBe(1);
});
