import { afterAll, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { anonymous, type Call, type Caller } from "../../../core/context.ts";
import { loadAll, startTestServer, type TestServer } from "../../../testing/test-server.ts";
import type { Doors } from "../../exchange.ts";
import { keepAsAsked } from "./stay.ts";

vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 });

// How long a model stays that has answered, as its callers say with each call.

let server: TestServer;
beforeAll(async () => {
  const load = { sequences: 4, contextLength: 2048 };
  server = await startTestServer({ models: { tiny: {} }, encoders: { encoder: {} }, load });
});
afterAll(() => server.close());
beforeEach(() => loadAll(server));

async function ask(path: string, body: object) {
  const answer = await fetch(server.url + path, { method: "POST", body: JSON.stringify(body) });
  return { status: answer.status, text: await answer.text() };
}

const prompt = { model: "tiny", prompt: "hi", stream: false, options: { num_predict: 2 } };
const stayOf = (model: string) => server.server.service.models.facts(model)?.stay;

it.each([true, false])(
  "is no time: the answer (stream: %s) waits for nobody, newcomers are served, and the last one ends it",
  async (stream) => {
    const first = await fetch(`${server.url}/api/generate`, {
      method: "POST",
      body: JSON.stringify({ ...prompt, stream: true, options: { num_predict: 1900 } }),
    });
    let isOver = false;
    const long = first.text().finally(() => (isOver = true));
    expect(await ask("/api/generate", { ...prompt, stream, keep_alive: 0 })).toMatchObject({ status: 200 });
    expect(await ask("/api/generate", prompt)).toMatchObject({ status: 200 });
    expect([isOver, stayOf("tiny") === undefined]).toEqual([false, false]);
    expect(await long).toContain('"eval_count":1900');
    await vi.waitFor(() => expect(stayOf("tiny")).toBeUndefined());
    expect(await ask("/api/generate", prompt)).toMatchObject({ status: 200 });
  },
);

it("is what it was where a call is refused", async () => {
  const loaded = { vramBytes: 0, untilMs: undefined };
  for (const keepAlive of [0, "1h"]) {
    const chat = { model: "tiny", messages: [{ role: "user", content: "hi" }], keep_alive: keepAlive, options: { temperature: 99 } };
    const vectors = { model: "encoder", input: "bread ".repeat(99), truncate: false, keep_alive: keepAlive };
    for (const stream of [true, false]) expect(await ask("/api/chat", { ...chat, stream })).toMatchObject({ status: 400 });
    expect(await ask("/api/embed", vectors)).toMatchObject({ status: 400 });
    expect([stayOf("tiny"), stayOf("encoder")]).toEqual([loaded, loaded]);
  }
});

it("is heeded of those who may manage and may use the model, whatever carried the call", () => {
  const kept: unknown[] = [];
  const doors = { service: { models: { keep: (...said: unknown[]) => void kept.push(said) } } } as unknown as Doors;
  const say = (caller: Partial<Caller>) =>
    keepAsAsked({ name: "tiny", stay: 5, exchange: { call: { caller: { ...anonymous(true), ...caller } } as Call } }, doors);
  say({ isLoopback: false });
  say({ keyId: "team", scopes: ["chat"] });
  say({ keyId: "boss", scopes: ["admin"], models: ["other"] });
  expect(kept).toEqual([]);
  say({});
  say({ keyId: "boss", scopes: ["admin"], models: ["tiny"] });
  expect(kept).toEqual([
    ["tiny", 5],
    ["tiny", 5],
  ]);
});
