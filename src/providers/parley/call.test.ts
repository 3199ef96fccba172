import { createServer, type AddressInfo } from "node:net";
import { propagation, trace, TraceFlags } from "@opentelemetry/api";
import { afterEach, describe, expect, it } from "vitest";
import { BadRequestSchema } from "../../../gen/google/rpc/error_details_pb.ts";
import { metadataOf } from "../../core/error-facts.ts";
import { fault, reasonOf } from "../../core/reasons.ts";
import { Secret } from "../../core/secret.ts";
import { eventsOf, failureOf, iterate, textOf } from "../../testing/collect-events.ts";
import { testParley } from "../../testing/parley-provider.ts";
import { PlayedError, type Play } from "../../testing/upstream/parley.ts";
import { askPlayed, played, playedAnswer, playedFault, playedParley, playedText } from "../../testing/played-parley.ts";

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

async function against(...given: Parameters<typeof playedParley>): ReturnType<typeof playedParley> {
  const made = await playedParley(...given);
  cleanUps.push(() => made.close());
  return made;
}

describe("a call to another Parley", () => {
  const endless: Play = async function* () {
    yield* [played.accepted, played.started, playedText("a")];
    await new Promise(() => {});
  };

  it("is cancelled there when its caller goes: before the first event, in the stream, by leaving it, and read whole", async () => {
    const { provider, other } = await against(endless);
    const before = new AbortController();
    const first = failureOf(iterate(askPlayed(provider, { signal: before.signal }, true)).next());
    await other.called(1);
    before.abort(fault("time_limit", "too long"));
    expect(reasonOf(await first)).toBe("time_limit");
    await other.cancelled(1);
    const during = new AbortController();
    const iterator = iterate(askPlayed(provider, { signal: during.signal }));
    await iterator.next();
    await iterator.next();
    during.abort();
    expect(reasonOf(await failureOf(iterator.next()))).toBe("caller_gone");
    await other.cancelled(2);
    const leaving = iterate(askPlayed(provider));
    await leaving.next();
    await leaving.return?.();
    await other.cancelled(3);
  });

  it("shows a key of its own, what is configured, the deadline and the trace, and nothing of this side", async () => {
    const { providers, other } = await against(() => playedAnswer, {
      apiKeys: [new Secret("k1"), new Secret("k2")],
      headers: { "x-team": "red" },
    });
    const span = trace.wrapSpanContext({ traceId: "1".repeat(32), spanId: "2".repeat(16), traceFlags: TraceFlags.SAMPLED });
    propagation.setGlobalPropagator({
      inject: (context, carrier, setter) => setter.set(carrier, "traceparent", trace.getSpanContext(context)?.traceId ?? ""),
      extract: (context) => context,
      fields: () => [],
    });
    cleanUps.push(() => propagation.disable());
    for (const provider of providers)
      await eventsOf(askPlayed(provider, { span, hops: 2, deadlineMs: Date.now() + 60_000, idempotencyKey: "once" }));
    expect(other.calls[0]?.metadata.get("x-parley-hops")).toEqual(["3"]);
    expect(other.calls[0]?.metadata.get("traceparent")).toEqual(["1".repeat(32)]);
    expect(other.calls.map(({ metadata }) => [metadata.get("authorization"), metadata.get("x-team")])).toEqual([
      [["Bearer k1"], ["red"]],
      [["Bearer k2"], ["red"]],
    ]);
    expect(other.calls.map(({ method }) => method)).toEqual(["ChatService/Stream", "ChatService/Stream"]);
    expect(other.calls[0]?.message).not.toHaveProperty("idempotency_key");
    expect(Math.abs((other.calls[0]?.deadlineMs ?? 0) - Date.now() - 60_000)).toBeLessThan(5000);
  });

  it("shows a caller's own key instead, where that is allowed; its refusal is the caller's to mend", async () => {
    const refusing: Play = async function* () {
      throw playedFault(16, "no", { reason: "UNAUTHENTICATED" });
    };
    const { provider, other } = await against(refusing, { takesCallerKeys: true, apiKeys: [new Secret("k1")] });
    expect(reasonOf(await failureOf(eventsOf(askPlayed(provider, { upstreamKey: "mine" }))))).toBe("unauthenticated");
    expect(other.calls[0]?.metadata.get("authorization")).toEqual(["Bearer mine"]);
    const { provider: closed, other: never } = await against(() => playedAnswer, { apiKeys: [new Secret("k1")] });
    for (const isWhole of [true, false])
      expect(reasonOf(await failureOf(eventsOf(askPlayed(closed, { upstreamKey: "mine" }, isWhole))))).toBe("permission_denied");
    expect(never.calls).toEqual([]);
  });

  it.each([
    ["the operator's", { apiKeys: [new Secret("swordfish-42")] }, {}],
    ["its caller's", { takesCallerKeys: true, apiKeys: [new Secret("k1")] }, { upstreamKey: "swordfish-42" }],
  ])("tells nobody %s key, whatever the other side repeats of it", async (_whose, given, call) => {
    const says = "no Bearer-less swordfish-42 here";
    const info = { reason: "INVALID_REQUEST", metadata: { model: says } };
    const refusal = playedFault(3, says, info, [{ field: says, description: says }]);
    for (const error of [refusal, new PlayedError(13, says, Buffer.alloc(0))]) {
      const { provider } = await against(async function* () {
        throw error;
      }, given);
      for (const isWhole of [true, false]) {
        const told = await failureOf(eventsOf(askPlayed(provider, call, isWhole)));
        expect(told.rawMessage).toContain("***");
        expect(JSON.stringify([told.rawMessage, metadataOf(told), told.findDetails(BadRequestSchema)])).not.toContain("swordfish");
      }
    }
  });

  it("lets a slow reader's stream wait, and loses nothing of it", async () => {
    const words = Array.from({ length: 2000 }, (_, index) => playedText(`${index} `));
    const { provider } = await against(() => [played.started, ...words, played.finished, played.completed]);
    const iterator = iterate(askPlayed(provider));
    await iterator.next();
    await new Promise((resolve) => setImmediate(resolve));
    const rest = await eventsOf({ [Symbol.asyncIterator]: () => iterator });
    expect(textOf(rest)).toBe(words.map((_, index) => `${index} `).join(""));
  });

  it("gives up connecting after the upstream's time for it", async () => {
    // It takes connections and never says a word.
    const silent = createServer(() => {}).listen(0, "127.0.0.1");
    await new Promise((resolve) => silent.once("listening", resolve));
    const { port } = silent.address() as AddressInfo;
    cleanUps.push(() => silent.close());
    const times = { connectMs: 50, wholeMs: 1, firstTokenMs: 1, idleMs: 1, totalMs: 1 };
    const provider = testParley({ baseUrl: `127.0.0.1:${port}`, times });
    const error = await failureOf(eventsOf(askPlayed(provider)));
    expect([reasonOf(error), error.rawMessage]).toEqual(["provider_timeout", expect.stringContaining("50 ms")]);
    await provider.close();
  });
});
