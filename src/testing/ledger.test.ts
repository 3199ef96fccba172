import { afterEach, describe, expect, it } from "vitest";
import type { JsonObject } from "@bufbuild/protobuf";
import { grpcJsClient, read, stream, type Client } from "./grpc-js-client.ts";
import { startTestServer, type TestServer } from "./test-server.ts";
import type { Turn } from "./upstream/turn.ts";
import { startUpstream, type ScriptedUpstream } from "./upstream/upstream.ts";

const prices = { "*": { prompt: 250_000, completion: 1_000_000 } };
const answer = { text: ["one", " two"], usage: { prompt: 5, completion: 2 } };
// 8 characters and the frame of a message: 6 tokens by estimate
const request = (model: string) => ({ model, messages: [{ role: "ROLE_USER", parts: [{ text: { text: "8 chars." } }] }] });

let upstream: ScriptedUpstream;
let server: TestServer;
let chat: Client;
afterEach(async () => {
  chat.close();
  await server.close();
  await upstream.close();
});

/** A service with two upstreams of one script, whose models are told apart by name. */
async function start(
  models: Readonly<Record<string, Turn | readonly Turn[]>>,
  { first = {}, route = {} }: { first?: JsonObject; route?: JsonObject } = {},
) {
  upstream = await startUpstream({ models });
  const place = { kind: "openai", baseUrl: upstream.url, apiKeys: ["sk-1"], prices };
  server = await startTestServer({
    config: {
      priceVersion: "2026-11",
      upstreams: [
        { name: "first", ...place, ...first },
        { name: "second", ...place },
      ],
      routes: [
        {
          model: "asked",
          targets: [
            { upstream: "first", model: "a" },
            { upstream: "second", model: "b" },
          ],
          ...route,
        },
      ],
      limits: { values: { retryBaseMs: 1, retryCapMs: 2 } },
    },
  });
  chat = grpcJsClient(server.port, "parley.v1.ChatService");
}

const told = (message: string) => server.log.filter((line) => line.message === message).map(({ facts }) => facts);
const page = async () => (await (await fetch(`${server.url}/metrics`)).text()).split("\n");

/** A caller that reads the first words and leaves. */
async function leaves(): Promise<void> {
  const events = stream(chat, "Stream", request("asked"));
  await new Promise<void>((resolve) => events.on("data", ({ text }: { text: unknown }) => text !== null && resolve()));
  events.on("error", () => {});
  events.cancel();
}

describe("the books, over sockets", () => {
  it("have every attempt, and the caller is charged once, for what it received", async () => {
    await start({ a: { fault: { is: "refusal", cause: "server-error" } }, b: { answer } });
    await read(stream(chat, "Stream", request("asked")));
    await expect.poll(() => told("call")).toHaveLength(1);
    expect(told("attempt").map(({ provider, outcome, cost }) => [provider, outcome, cost])).toEqual([
      ["first", "provider_error", undefined],
      ["first", "provider_error", undefined],
    ]);
    expect(told("call")[0]).toMatchObject({ provider: "second", promptTokens: 5, completionTokens: 2, cost: 3.25 });
    const lines = await page();
    for (const line of [
      'llm_attempts_total{provider="first",model="a",outcome="provider_error"} 2',
      'llm_attempts_total{provider="second",model="b",outcome="ok"} 1',
      'llm_cost_total{provider="second",model="b"} 3.25',
      'llm_charged_cost_total{provider="second",model="b"} 3.25',
    ])
      expect(lines).toContain(line);
  });

  it("have what a hedge cost that lost", async () => {
    const never = new Promise<void>(() => {});
    await start({ a: { beforeHeaders: never }, b: { answer } }, { route: { hedgeAfterMs: 20, hedgePercent: 100 } });
    await read(stream(chat, "Stream", request("asked")));
    await expect
      .poll(() => told("attempt"))
      .toEqual([expect.objectContaining({ provider: "first", outcome: "lost", promptTokens: 6, cost: 1.5, usage: "partial" })]);
    expect(told("call")[0]).toMatchObject({ provider: "second", cost: 3.25 });
  });

  it("tell what was thrown away, since it went on with an answer in other words, from what its caller left", async () => {
    const broken = { answer: { text: ["one", " two", " three"] }, fault: { is: "cut" as const, after: 3, isInside: true } };
    const gate = Promise.withResolvers<void>();
    const beforeFrame = (index: number) => (index === 3 ? gate.promise : undefined);
    await start({ a: broken, b: { answer: { text: ["other", " words", " still"] }, beforeFrame } }, { route: { rescue: { attempts: 1 } } });
    await read(stream(chat, "Stream", request("asked"))).catch(() => {});
    await expect
      .poll(() => told("attempt").map(({ provider, outcome, usage }) => [provider, outcome, usage]))
      .toEqual([
        ["first", "provider_truncated", "partial"],
        ["second", "discarded", "partial"],
      ]);
    gate.resolve();
  });

  it.each([
    [
      "estimate",
      { byClient: true },
      { outcome: "left", promptTokens: 6, completionTokens: 1, usage: "partial", cost: 2.5, priceVersion: "2026-11" },
    ],
    ["none", { byClient: true }, undefined],
    ["drain", { byClient: false }, { outcome: "left", promptTokens: 5, completionTokens: 2, usage: "provider", cost: 3.25 }],
  ])("of a caller that left, at an upstream whose policy is %s", async (disconnect, closing, attempt) => {
    const gate = Promise.withResolvers<void>();
    await start({ a: { answer, beforeFrame: (index) => (index === 2 ? gate.promise : undefined) } }, { first: { disconnect } });
    await leaves();
    await expect.poll(() => told("call")).toHaveLength(1);
    expect(told("call")[0]).toMatchObject({ status: "caller_gone" });
    if (closing.byClient) await upstream.closed(1);
    gate.resolve();
    expect(await upstream.closed(1)).toMatchObject(closing);
    if (attempt === undefined) {
      await expect.poll(page).toContain('llm_attempts_total{provider="first",model="a",outcome="left"} 1');
      expect(told("attempt")).toEqual([]);
    } else await expect.poll(() => told("attempt")).toEqual([expect.objectContaining(attempt)]);
  });

  it("have what was read on for nobody when the service ended, which does not wait for its end", async () => {
    const gate = Promise.withResolvers<void>();
    await start({ a: { answer, beforeFrame: (index) => (index === 2 ? gate.promise : undefined) } }, { first: { disconnect: "drain" } });
    await leaves();
    await expect.poll(() => told("call")).toHaveLength(1);
    const startMs = performance.now();
    await server.server.drain();
    expect(performance.now() - startMs).toBeLessThan(5000);
    expect(told("attempt")).toMatchObject([{ provider: "first", outcome: "draining", usage: "partial" }]);
    expect(await upstream.closed(1)).toMatchObject({ byClient: true });
    gate.resolve();
  });
});
