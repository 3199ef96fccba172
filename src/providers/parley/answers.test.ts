import { Metadata, status } from "@grpc/grpc-js";
import { afterEach, describe, expect, it } from "vitest";
import { defaultLimits } from "../../core/limits.ts";
import { reasonOf, retryAfterMsOf } from "../../core/reasons.ts";
import { eventsOf, failureOf, iterate, outlineOf, valuesOf } from "../../testing/collect-events.ts";
import { askPlayed, played, playedAnswer, playedFault, playedParley, playedText } from "../../testing/played-parley.ts";
import { failureOf as errorOfStatus } from "./failure.ts";
import { PlayedError, type Play, type PlayedMessage } from "../../testing/upstream/parley.ts";

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

async function against(...given: Parameters<typeof playedParley>): ReturnType<typeof playedParley> {
  const made = await playedParley(...given);
  cleanUps.push(() => made.close());
  return made;
}

describe("what another Parley says", () => {
  it("is passed on without its numbers and without who served it there", async () => {
    const { provider } = await against(() => playedAnswer);
    const events = await eventsOf(askPlayed(provider));
    expect(outlineOf(events)).toEqual(["started", "text", "finished", "completed"]);
    expect(valuesOf(events, "started")).toMatchObject([{ provider: "edge", model: "m", attempt: 1, isFallback: false, answerModel: "" }]);
    expect(valuesOf(events, "completed")).toMatchObject([{ usage: { promptTokens: 3 }, timings: { queueMs: 4 } }]);
    expect(valuesOf(events, "completed")[0]?.servedBy).toBeUndefined();
    expect(valuesOf(events, "completed")[0]?.timings?.totalMs).toBeUndefined();
  });

  it("is whole once every choice has said why it ended, with figures of our own where it tells none", async () => {
    const broken: Play = async function* () {
      yield* [played.accepted, played.started, playedText("four more"), played.finished];
      throw new PlayedError(status.UNAVAILABLE, "gone");
    };
    for (const play of [broken, () => [played.started, playedText("four more"), played.finished]]) {
      const { provider } = await against(play);
      const [end] = valuesOf(await eventsOf(askPlayed(provider)), "completed");
      expect(end?.usage).toMatchObject({ completionTokens: 3, source: 2 });
    }
  });

  it.each<[string, readonly PlayedMessage[], string]>([
    ["an end before the end", [played.started, playedText("a")], "provider_truncated"],
    ["nothing", [], "provider_truncated"],
    ["a choice that nobody asked for", [played.started, playedText("a", 7)], "provider_malformed"],
    ["words behind a choice's end", [played.started, playedText("a"), played.finished, playedText("b")], "provider_malformed"],
    ["a completion before its choices have ended", [played.started, playedText("a"), played.completed], "provider_malformed"],
    ["a call without a place", [played.started, { tool_call: { index: -1, id: "a" } }], "provider_malformed"],
  ])("is an error when it is %s", async (_name, messages, reason) => {
    const { provider } = await against(() => messages);
    expect(reasonOf(await failureOf(eventsOf(askPlayed(provider))))).toBe(reason);
  });

  it("is not believed where it counts below zero", async () => {
    const { provider } = await against(() => [playedText("a"), played.finished, { completed: { usage: { prompt_tokens: -5 } } }]);
    const [end] = valuesOf(await eventsOf(askPlayed(provider)), "completed");
    expect(end?.usage?.promptTokens).toBeGreaterThan(0);
  });

  it("is read no further than the limit of a message", async () => {
    const { provider } = await against(
      () => [playedText("x".repeat(5000))],
      {},
      { limits: { ...defaultLimits, maxUpstreamBodyBytes: 2000 } },
    );
    expect(reasonOf(await failureOf(eventsOf(askPlayed(provider))))).toBe("provider_malformed");
  });

  it("is an error when the answer that comes whole misses a choice", async () => {
    const { provider } = await against(() => [{ id: "x", choices: [] }]);
    expect(reasonOf(await failureOf(eventsOf(askPlayed(provider, {}, true))))).toBe("provider_malformed");
  });
});

describe("how another Parley fails", () => {
  it.each<[string, PlayedError, string, number | undefined]>([
    ["the caller's fault", playedFault(3, "bad", { reason: "INVALID_REQUEST" }), "invalid_request", undefined],
    ["its full queue", playedFault(8, "full", { reason: "QUEUE_FULL", retryMs: 1500 }), "provider_unavailable", 1500],
    ["its rate limit", playedFault(8, "slow down", { reason: "RATE_LIMITED", retryMs: 2000 }), "provider_rate_limited", 2000],
    ["its drain", playedFault(14, "bye", { reason: "DRAINING" }), "provider_unavailable", undefined],
    ["its upstream's failure", playedFault(14, "x", { reason: "PROVIDER_ERROR" }), "provider_error", undefined],
    ["its own key for an upstream", playedFault(13, "x", { reason: "PROVIDER_CREDENTIALS" }), "provider_error", undefined],
    ["our key", playedFault(16, "x", { reason: "UNAUTHENTICATED" }), "provider_credentials", undefined],
    ["a fault of its own", playedFault(13, "x", { reason: "INTERNAL" }), "provider_error", undefined],
    ["a reason of another version", playedFault(13, "x", { reason: "NEW_ONE" }), "provider_error", undefined],
    ["a reason of another house", playedFault(13, "x", { reason: "INVALID_REQUEST", domain: "other" }), "provider_error", undefined],
    ["no reason", new PlayedError(14, "x"), "provider_unavailable", undefined],
    ["details that are none", new PlayedError(14, "x", Buffer.from([1, 2, 3])), "provider_unavailable", undefined],
  ])("is told as what it is: %s", async (_name, error, ...expected) => {
    const play: Play = () => {
      throw error;
    };
    const failing: Play = async function* (call) {
      yield* play(call);
    };
    const { provider } = await against(failing);
    for (const isWhole of [true, false]) {
      const told = await failureOf(eventsOf(askPlayed(provider, {}, isWhole)));
      expect([reasonOf(told), retryAfterMsOf(told)]).toEqual(expected);
      expect(told.rawMessage).toContain("edge");
    }
  });

  it.each([
    ["Name resolution failed for target dns:secret.internal:1", "edge could not be connected: its name is not known"],
    ["No connection established. Last error: connect EHOSTUNREACH 10.0.0.7:443", "edge could not be connected (EHOSTUNREACH)"],
    ["No connection established. Last error: Error: unable to verify the first certificate", expect.stringContaining("is not trusted")],
    ["No connection established", "edge could not be connected"],
  ])("is told without where it should have been: %s", (details, message) => {
    const ended = { code: status.UNAVAILABLE, details, metadata: new Metadata() };
    const told = errorOfStatus(ended, { provider: "edge", isCallersKey: false, hasAnswered: false, key: undefined });
    expect([reasonOf(told), told.rawMessage]).toEqual(["provider_unavailable", message]);
  });

  it("is told in mid-stream when its connections break", async () => {
    const gate = Promise.withResolvers<void>();
    const { provider, other } = await against(async function* () {
      yield* [played.accepted, played.started, playedText("a")];
      await gate.promise;
    });
    const iterator = iterate(askPlayed(provider));
    expect((await iterator.next()).value).toMatchObject({ event: { case: "started" } });
    await iterator.next();
    other.close();
    expect(reasonOf(await failureOf(iterator.next()))).toBe("provider_unavailable");
    gate.resolve();
  });

  it("does not show its words when they hold a key", async () => {
    const { provider } = await against(async function* () {
      throw playedFault(16, "wrong key: sk-operator-12345678", { reason: "UNAUTHENTICATED" });
    });
    expect((await failureOf(eventsOf(askPlayed(provider)))).message).not.toContain("operator-1234");
  });
});
