import type { JsonObject } from "@bufbuild/protobuf";
import { describe, expect, it, onTestFinished } from "vitest";
import { startTestServer } from "./test-server.ts";
import type { Fault, Turn } from "./upstream/turn.ts";
import { startUpstream, type ScriptedUpstream, type UpstreamOptions } from "./upstream/upstream.ts";

// What routing promises where it can be seen: at the sockets of upstreams, by a client of REST.

async function upstreamFor(options: UpstreamOptions = {}): Promise<ScriptedUpstream> {
  const upstream = await startUpstream({ isStrict: false, ...options });
  onTestFinished(() => upstream.close());
  return upstream;
}

/** What matters of a service beside its upstreams. */
interface Shape {
  readonly routes?: JsonObject[];
  readonly limits?: JsonObject;
  /** Of each upstream. */
  readonly settings?: JsonObject;
}

/** A service with these upstreams, named a, b, ... */
async function serviceWith(upstreams: readonly ScriptedUpstream[], { routes = [], limits = {}, settings = {} }: Shape = {}) {
  const service = await startTestServer({
    config: {
      upstreams: upstreams.map(({ url }, index) => ({
        name: "abc"[index]!,
        kind: "vllm",
        baseUrl: `${url}/v1`,
        ...settings,
      })),
      routes,
      limits: { values: limits },
    },
  });
  onTestFinished(() => service.close());
  const ask = async (body: JsonObject, signal?: AbortSignal) => {
    const response = await fetch(`${service.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ messages: [{ role: "user", content: "hi" }], ...body }),
      ...(signal !== undefined && { signal }),
    });
    return { status: response.status, text: await response.text(), headers: response.headers };
  };
  return { ...service, ask };
}

const refusal = (cause: Extract<Fault, { is: "refusal" }>["cause"], headers: Readonly<Record<string, string>> = {}): Turn => ({
  fault: { is: "refusal", cause, headers },
});

describe("routing, at the sockets", () => {
  it.each([
    ["milliseconds", { "retry-after-ms": "300" }, 300],
    ["seconds", { "retry-after": "1" }, 1000],
  ])("asks an upstream not before it said it may, in %s", async (_form, headers, atLeastMs) => {
    const upstream = await upstreamFor({ turns: [refusal("rate-limited", headers), {}] });
    const { ask } = await serviceWith([upstream]);
    expect((await ask({ model: "a/m" })).status).toBe(200);
    const [first, second] = upstream.requests;
    expect(second!.atMs - first!.atMs).toBeGreaterThanOrEqual(atLeastMs);
    expect(upstream.requests).toHaveLength(2);
  });

  it.each([
    ["failed here more than once", refusal("server-error"), [502, "2", "1", "false"]],
    ["answers what cannot be read", { fault: { is: "html" } } as const, [502, "1", "0", "false"]],
    ["is limited for longer than a call waits", refusal("rate-limited", { "retry-after": "300" }), [429, "1", "0", null]],
  ])("tells SDKs how often an upstream was asked, and not to do so again where it %s", async (_what, turn, expected) => {
    const { ask } = await serviceWith([await upstreamFor({ turns: [turn] })]);
    const { status, headers } = await ask({ model: "a/m" });
    const told = ["x-parley-attempts", "x-parley-retries", "x-should-retry"].map((name) => headers.get(name));
    expect([status, ...told]).toEqual(expected);
  });

  it("spreads calls over the keys of an upstream evenly", async () => {
    const upstream = await upstreamFor();
    const { ask } = await serviceWith([upstream], { settings: { apiKeys: ["k1", "k2", "k3"] } });
    for (let call = 0; call < 9; call++) await ask({ model: "a/m" });
    expect(upstream.requests.map(({ key }) => key)).toEqual(["k1", "k2", "k3", "k1", "k2", "k3", "k1", "k2", "k3"]);
  });

  it.each([true, false])("closes the socket of a beaten hedge while it is still silent (stream: %s)", async (stream) => {
    const slow = await upstreamFor({ turns: [{}, { fault: { is: "no-headers" } }] });
    const fast = await upstreamFor();
    const targets = [
      { upstream: "a", model: "m" },
      { upstream: "b", model: "m" },
    ];
    const { ask, log } = await serviceWith([slow, fast], { routes: [{ model: "r", targets, hedgeAfterMs: 200, hedgePercent: 100 }] });
    await ask({ model: "r" }); // so that its connection is there
    const { status, text } = await ask({ model: "r", stream });
    expect([status, text.includes("three")]).toEqual([200, true]);
    const closing = await slow.closed(2);
    expect(closing.byClient).toBe(true);
    const books = () => log.filter(({ message }) => message === "attempt").map(({ facts }) => [facts["provider"], facts["outcome"]]);
    await expect.poll(books).toEqual([["a", "lost"]]);
    expect(fast.requests).toHaveLength(1);
    expect(closing.atMs - (await fast.closed(1)).atMs).toBeLessThan(500); // 3 ms, but for what else the machine does
  });

  it("ends the call of a client that leaves while it waits for its next attempt", async () => {
    const upstream = await upstreamFor({ turns: [refusal("rate-limited", { "retry-after-ms": "9000" })] });
    const { ask, log } = await serviceWith([upstream]);
    const leaving = new AbortController();
    const asking = ask({ model: "a/m" }, leaving.signal).catch(() => undefined);
    await upstream.requested(1);
    await upstream.closed(1);
    leaving.abort();
    await asking;
    await expect.poll(() => log.filter(({ facts }) => facts["status"] === "caller_gone").length).toBe(1);
    expect(upstream.requests).toHaveLength(1);
  });

  it("falls back from an upstream that stays silent, which is not asked again, and says so", async () => {
    const silent = await upstreamFor({ turns: [{ fault: { is: "no-headers" } }] });
    const other = await upstreamFor();
    const targets = [
      { upstream: "a", model: "m" },
      { upstream: "b", model: "other" },
    ];
    const { ask, log } = await serviceWith([silent, other], {
      routes: [{ model: "r", targets }],
      settings: { firstTokenSeconds: 0.2, timeoutSeconds: 0.2 },
    });
    const { status, text, headers } = await ask({ model: "r" });
    expect([status, (JSON.parse(text) as { model: string }).model, headers.get("x-parley-fallback")]).toEqual([200, "other", "true"]);
    expect([silent.requests.length, other.requests.length]).toEqual([1, 1]);
    expect(log.filter(({ message }) => message === "a fallback serves")).toMatchObject([
      { level: "warn", facts: { provider: "b", model: "other", reason: "provider_timeout", insteadOf: "a/m" } },
    ]);
  });

  it("leaves an upstream alone whose circuit is open, and reports it", async () => {
    const dead = await upstreamFor({ turns: [refusal("server-error")] });
    const other = await upstreamFor();
    const targets = [
      { upstream: "a", model: "m" },
      { upstream: "b", model: "m" },
    ];
    const { ask, server } = await serviceWith([dead, other], {
      routes: [{ model: "r", targets }],
      limits: { retryBaseMs: 1, retryCapMs: 1 },
    });
    for (let call = 0; call < 12; call++) expect((await ask({ model: "r" })).status).toBe(200);
    expect(dead.requests).toHaveLength(10);
    expect(server.service.providers.list().find(({ name }) => name === "a")).toMatchObject({
      isAvailable: false,
      breaker: "open",
      errorRate: 1,
    });
  });
});
