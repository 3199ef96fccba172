import type { ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { ErrorInfoSchema } from "../../../gen/google/rpc/error_details_pb.ts";
import { defaultLimits } from "../../core/limits.ts";
import { reasonOf, retryAfterMsOf, type Reason } from "../../core/reasons.ts";
import { eventsOf, failureOf, iterate, outlineOf } from "../../testing/collect-events.ts";
import { fakeClock } from "../../testing/fake-clock.ts";
import { chatRequest, openProviders, streaming, whole } from "../../testing/http-provider.ts";
import type { Fault } from "../../testing/upstream/turn.ts";

const page: Fault = { is: "html" };

/** The reason of the failure of a streamed and of a whole answer. */
const cases: readonly (readonly [string, Fault, Reason, Reason])[] = [
  ["a reset before the headers", { is: "reset", after: "nothing" }, "provider_unavailable", "provider_unavailable"],
  ["a reset inside the headers", { is: "reset", after: "half-headers" }, "provider_unavailable", "provider_unavailable"],
  ["a reset in the answer", { is: "reset", after: 2 }, "provider_truncated", "provider_truncated"],
  ["a connection that closes", { is: "cut", after: 2, isAbrupt: true }, "provider_truncated", "provider_truncated"],
  ["an end inside a frame", { is: "cut", after: 2, isInside: true }, "provider_truncated", "provider_malformed"],
  ["an end between frames", { is: "cut", after: 2 }, "provider_truncated", "provider_malformed"],
  ["an empty body", { is: "empty" }, "provider_truncated", "provider_malformed"],
  ["a page", page, "provider_malformed", "provider_malformed"],
  ["a page that says 502", { is: "html", status: 502 }, "provider_error", "provider_error"],
  ["an error inside a success", { is: "error-inside", cause: "rate-limited", after: 1 }, "provider_rate_limited", "provider_rate_limited"],
  [
    "an error as JSON where a stream should be",
    { is: "error-inside", cause: "server-error", asJson: true },
    "provider_error",
    "provider_error",
  ],
  ["a wrong key", { is: "refusal", cause: "wrong-key" }, "provider_credentials", "provider_credentials"],
  ["too many requests", { is: "refusal", cause: "rate-limited" }, "provider_rate_limited", "provider_rate_limited"],
  ["an overload", { is: "refusal", cause: "overloaded" }, "provider_unavailable", "provider_unavailable"],
];

describe("an upstream that misbehaves", () => {
  it.each(cases)("is told by %s", async (...[, fault, streamed, asked]) => {
    const { provider } = await openProviders({ upstream: { turns: [{ fault }] } });
    expect(reasonOf(await failureOf(eventsOf(provider.generate(chatRequest, streaming()))))).toBe(streamed);
    expect(reasonOf(await failureOf(eventsOf(provider.generate(chatRequest, whole()))))).toBe(asked);
  });

  it("has said everything when only its end mark is missing, or the connection breaks behind why it ended", async () => {
    const { upstream, provider } = await openProviders({ upstream: { turns: [{ fault: { is: "no-end-mark" } }] } });
    const events = await eventsOf(provider.generate(chatRequest, streaming()));
    expect(outlineOf(events)).toEqual(["started", "text", "finished", "completed"]);
    upstream.script({ fault: { is: "cut", after: 6, isAbrupt: true } });
    expect(outlineOf(await eventsOf(provider.generate(chatRequest, streaming())))).toEqual(["started", "text", "finished", "completed"]);
  });

  it("is not waited for any longer when it has said everything and does not end", async () => {
    const clock = fakeClock();
    const { upstream, provider } = await openProviders({ upstream: { turns: [{ fault: { is: "stall", after: 6 } }] }, options: { clock } });
    const events = iterate(provider.generate(chatRequest, streaming()));
    while ((await events.next()).value?.event.case !== "finished");
    const last = events.next();
    await upstream.held(1);
    clock.advance(2000);
    expect((await last).value?.event.case).toBe("completed");
    expect((await upstream.closed(1)).byClient).toBe(true);
  });

  it("has not said everything when it does not say why it ended", async () => {
    const { provider } = await openProviders({ upstream: { turns: [{ fault: { is: "no-finish" } }] } });
    expect(reasonOf(await failureOf(eventsOf(provider.generate(chatRequest, streaming()))))).toBe("provider_truncated");
  });

  it("never hands on what stands before its failure a second time, and nothing behind it", async () => {
    const { provider } = await openProviders({ upstream: { turns: [{ fault: { is: "reset", after: 3 } }] } });
    const seen: string[] = [];
    const events = iterate(provider.generate(chatRequest, streaming()));
    await failureOf(
      (async () => {
        for (let next = await events.next(); next.done !== true; next = await events.next()) seen.push(next.value.event.case ?? "");
      })(),
    );
    expect(seen).toEqual(["started", "text", "text"]);
    expect(await events.next()).toEqual({ done: true, value: undefined });
  });

  it("is not followed to where it redirects", async () => {
    const other = await openProviders();
    const { upstream, provider } = await openProviders({
      upstream: { turns: [{ fault: { is: "redirect", to: `${other.upstream.url}/v1/x?a=secret` } }] },
    });
    for (const context of [streaming(), whole()]) {
      const error = await failureOf(eventsOf(provider.generate(chatRequest, context)));
      expect(reasonOf(error)).toBe("provider_malformed");
      expect(error.rawMessage).toContain(other.upstream.url);
      expect(error.rawMessage).not.toContain("secret");
    }
    expect(upstream.requests).toHaveLength(2);
    expect(other.upstream.connections.opened).toBe(0);
  });

  it("is held to the length of a line and of an answer", async () => {
    const limits = { ...defaultLimits, maxUpstreamLineBytes: 100_000, maxUpstreamBodyBytes: 100_000 };
    const { provider } = await openProviders({
      upstream: { turns: [{ fault: { is: "huge-line", after: 2, bytes: 10_000_000 } }] },
      options: { limits },
    });
    const streamed = await failureOf(eventsOf(provider.generate(chatRequest, streaming())));
    expect([reasonOf(streamed), limitOf(streamed)]).toEqual(["provider_malformed", "maxUpstreamLineBytes"]);
    const asked = await failureOf(eventsOf(provider.generate(chatRequest, whole())));
    expect([reasonOf(asked), limitOf(asked)]).toEqual(["provider_malformed", "maxUpstreamBodyBytes"]);
  });

  it("is held to the length of its headers", async () => {
    const headers = { "x-much": "x".repeat(60_000) };
    const { provider } = await openProviders({ upstream: { turns: [{ headers }] } });
    const error = await failureOf(eventsOf(provider.generate(chatRequest, streaming())));
    expect([reasonOf(error), limitOf(error)]).toEqual(["provider_malformed", "maxUpstreamHeaderBytes"]);
  });

  it("is told how long to wait as its refusal says", async () => {
    const fault: Fault = { is: "refusal", cause: "rate-limited", headers: { "retry-after": "7" } };
    const { provider } = await openProviders({ upstream: { turns: [{ fault }] } });
    expect(retryAfterMsOf(await failureOf(eventsOf(provider.generate(chatRequest, whole()))))).toBe(7000);
  });
});

const limitOf = (error: ConnectError) => error.findDetails(ErrorInfoSchema)[0]?.metadata["limit"];
