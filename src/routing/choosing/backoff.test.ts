import { describe, expect, it } from "vitest";
import { defaultLimits } from "../../core/limits.ts";
import { reasonOf } from "../../core/reasons.ts";
import { systemClock } from "../../core/clock.ts";
import { chatKind } from "../../core/kinds.ts";
import { plainStop } from "../../core/stops.ts";
import { testContext } from "../../testing/call-context.ts";
import { failureOf } from "../../testing/collect-events.ts";
import { fakeClock } from "../../testing/fake-clock.ts";
import { routed } from "../../testing/routed.ts";
import { userRequest } from "../../testing/sample-request.ts";
import { newScore, scriptedTarget } from "../../testing/scripted-target.ts";
import { testRouting } from "../../testing/test-routing.ts";
import { backoffMs, sleepUntil } from "./backoff.ts";

describe("the pause before a further attempt", () => {
  it("doubles up to its cap, and is drawn from nothing to all of it", () => {
    const all = [1, 2, 3, 4, 5, 6, 60].map((repeat) => backoffMs(repeat, () => 1, defaultLimits));
    expect(all).toEqual([200, 400, 800, 1600, 3200, 5000, 5000]);
    expect(backoffMs(3, () => 0, defaultLimits)).toBe(0);
    expect(backoffMs(3, () => 0.5, defaultLimits)).toBe(400);
  });

  it("grows with each failure of an upstream in one call", async () => {
    const keys = [1, 2].map((key) => ({ name: "a", key, rank: 0, plays: [{ fails: "provider_rate_limited" } as const] }));
    const route = routed(keys, { limits: { maxAttempts: 5 } });
    await route.call();
    const at = route.score.attempts.map(({ atMs }) => atMs);
    expect(at.slice(1).map((ms, index) => ms - at[index]!)).toEqual([100, 200, 400, 800]);
  });

  it("does not hold a call that goes to another upstream, or to the next key after a refused one", async () => {
    const route = routed([
      { name: "a", key: 1, plays: [{ fails: "provider_credentials" }], rank: 0 },
      { name: "a", key: 2, plays: [{ fails: "provider_unavailable" }], rank: 0 },
      { name: "b", plays: ["ok"] },
    ]);
    await route.call();
    expect(new Set(route.score.attempts.map(({ atMs }) => atMs)).size).toBe(1);
  });

  it("lasts as long as it must where timers fire early", async () => {
    const clock = fakeClock();
    const early = { now: () => clock.now(), after: (ms: number, callback: () => void) => clock.after(Math.max(1, ms - 3), callback) };
    let hasCome = false;
    const sleeping = sleepUntil(clock.now() + 10, early, new AbortController().signal).then(() => (hasCome = true));
    for (let ms = 0; ms < 9; ms++) {
      clock.advance(1);
      await new Promise(setImmediate);
    }
    expect(hasCome).toBe(false);
    clock.advance(1);
    await sleeping;
  });

  it("ends at once when the call is aborted, and leaves no timer", async () => {
    const clock = fakeClock();
    const leaving = new AbortController();
    const sleeping = failureOf(sleepUntil(clock.now() + 1000, clock, leaving.signal));
    leaving.abort();
    expect(reasonOf(await sleeping)).toBe("caller_gone");
    expect(clock.pending()).toBe(0);
    expect(reasonOf(await failureOf(sleepUntil(clock.now() + 1000, clock, leaving.signal)))).toBe("caller_gone");
  });

  it("is over within 50 ms of real time when the reader leaves without an abort", async () => {
    const target = scriptedTarget([{ fails: "provider_error" }], { clock: systemClock, score: newScore() });
    const limits = { ...defaultLimits, retryBaseMs: 10_000, retryCapMs: 10_000 };
    const request = userRequest("hi");
    const events = testRouting({ stops: [plainStop(target)] }, { limits }).route(chatKind)(request, testContext(request));
    const iterator = events[Symbol.asyncIterator]();
    const next = iterator.next();
    await new Promise(setImmediate);
    const leftMs = performance.now();
    await iterator.return?.();
    expect((await next).done).toBe(true);
    expect(performance.now() - leftMs).toBeLessThan(50);
  });
});
