import { array, assert, constant, integer, oneof, property } from "fast-check";
import { describe, expect, it } from "vitest";
import type { Reason } from "../../core/reasons.ts";
import { fakeClock } from "../../testing/fake-clock.ts";
import { seededRandom } from "../../testing/seeded-random.ts";
import { newScore, scriptedTarget, whileTimePasses, type Play } from "../../testing/scripted-target.ts";
import { userRequest } from "../../testing/sample-request.ts";
import { testContext } from "../../testing/call-context.ts";
import { eventsOf } from "../../testing/collect-events.ts";
import { testRouting } from "../../testing/test-routing.ts";
import { chatKind } from "../../core/kinds.ts";
import { plainStop } from "../../core/stops.ts";
import { begun } from "../../core/stream.ts";
import { retryBudget } from "./retry-budget.ts";

describe("a retry budget", () => {
  it("allows three a second to a quiet upstream, and saves up no more than thirty", () => {
    const clock = fakeClock();
    const budget = retryBudget(clock);
    const burst = () => Array.from({ length: 100 }, () => budget.further()).filter(Boolean).length;
    expect(burst()).toBe(30);
    clock.advance(2000);
    expect(burst()).toBe(6);
    clock.advance(3_600_000);
    expect(burst()).toBe(30);
  });

  it("allows a fifth of the calls to a busy one", () => {
    const clock = fakeClock();
    const budget = retryBudget(clock);
    let further = 0;
    for (let call = 0; call < 10_000; call++) {
      budget.first();
      if (budget.further()) further++;
      clock.advance(10);
    }
    expect(further).toBe(2000);
  });

  it("allows a fallback as many as there are calls that may come to it, less those that begin there", () => {
    const clock = fakeClock();
    const budget = retryBudget(clock);
    const further = [0, 0];
    for (let call = 0; call < 20_000; call++) {
      const phase = call < 10_000 ? 0 : 1;
      budget.elsewhere();
      if (phase === 1 && call % 2 === 0) budget.first();
      for (let attempt = 0; attempt < 3; attempt++) if (budget.further()) further[phase]!++;
      clock.advance(10);
    }
    // The thirty that a quiet time has saved up come on top, once.
    expect(further[0]).toBeGreaterThanOrEqual(10_000);
    expect(further[0]).toBeLessThanOrEqual(10_000 + 30);
    expect(further[1]).toBeGreaterThanOrEqual(5000 - 30);
    expect(further[1]).toBeLessThanOrEqual(5000);
  });

  it("never allows more than the larger of a fifth of the calls and thirty and three a second, whatever comes when", () => {
    const act = oneof(constant("first" as const), constant("further" as const), integer({ min: 1, max: 3000 }));
    assert(
      property(array(act, { maxLength: 300 }), (acts) => {
        const clock = fakeClock(0);
        const budget = retryBudget(clock);
        let [calls, further] = [0, 0];
        for (const each of acts) {
          if (typeof each === "number") clock.advance(each);
          else if (each === "first") {
            budget.first();
            calls++;
          } else if (budget.further()) further++;
          expect(further).toBeLessThanOrEqual(Math.max(calls / 5, 30 + (3 * clock.now()) / 1000));
        }
      }),
    );
  });
});

const seconds = 12;

/** What comes of 100 calls a second that all begin at `a` and may move on to `b`. */
async function flow(plays: Readonly<Record<"a" | "b", readonly Play[]>>) {
  const clock = fakeClock();
  const score = newScore();
  const stops = (["a", "b"] as const).map((provider, rank) =>
    plainStop(scriptedTarget(plays[provider], { clock, score, provider }), { rank }),
  );
  const generate = testRouting({ stops }, { clock, random: seededRandom(1) }).route(chatKind);
  const calls: Promise<boolean>[] = [];
  for (let ms = 0; ms < seconds * 1000; ms += 10) {
    const request = userRequest("hi");
    const call = eventsOf(begun(() => generate(request, testContext(request))));
    calls.push(
      call.then(
        () => true,
        () => false,
      ),
    );
    for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
    clock.advance(10);
  }
  const ended = await whileTimePasses(clock, Promise.all(calls));
  const attemptsAt = (name: string) => score.attempts.filter(({ target }) => target === name).length;
  return { calls: calls.length, failed: ended.filter((isWell) => !isWell).length, a: attemptsAt("a"), b: attemptsAt("b") };
}

describe("100 calls a second whose fallback is idle", () => {
  const often = (reason: Reason): Play[] => Array.from({ length: 5000 }, (_, index) => (index % 5 < 2 ? { fails: reason } : "ok"));
  it.each<Reason>(["provider_unavailable", "provider_error", "provider_malformed"])(
    "are served, all but one in a hundred, though two of five fail before it: %s",
    async (reason) => {
      const { calls, failed, a, b } = await flow({ a: often(reason), b: ["ok"] });
      expect(failed).toBeLessThanOrEqual(calls / 100);
      for (const attempts of [a, b]) expect(attempts).toBeLessThanOrEqual(calls * 1.2);
    },
  );

  it.each<Reason>(["provider_unavailable", "provider_error", "provider_rate_limited", "provider_malformed"])(
    "come to neither more than once and a fifth where both fail always: %s",
    async (fails) => {
      const { calls, a, b } = await flow({ a: [{ fails }], b: [{ fails }] });
      for (const attempts of [a, b]) expect(attempts).toBeLessThanOrEqual(calls * 1.2);
    },
  );
});

/** What comes to two upstreams with three keys each, that both fail always, when calls for `a` begin at the one and calls for `b` at the other, 100 a second each. */
async function load(play: Play): Promise<readonly { readonly calls: number; readonly attempts: number }[]> {
  const clock = fakeClock();
  const score = newScore();
  const upstream = (provider: string) => [1, 2, 3].map((key) => scriptedTarget([play], { clock, score, provider, key }));
  const [a, b] = [upstream("a"), upstream("b")];
  const stops = [a, b].map((first) =>
    [first, first === a ? b : a].flatMap((each, rank) => each.map((target) => plainStop(target, { rank }))),
  );
  const resolve = (name: string) => ({ name, stops: stops[name === "a" ? 0 : 1]! });
  const random = seededRandom(1);
  const generate = testRouting({ stops: [] }, { clock, resolve, random }).route(chatKind);
  const calls: Promise<unknown>[] = [];
  const begin = (model: string) => {
    const request = userRequest("hi", { model });
    calls.push(eventsOf(begun(() => generate(request, testContext(request)))).catch(() => {}));
  };
  for (let ms = 0; ms < seconds * 1000; ms += 10) {
    begin("a");
    begin("b");
    for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
    clock.advance(10);
  }
  await whileTimePasses(clock, Promise.all(calls));
  return ["a", "b"].map((name) => {
    const attempts = score.attempts.filter(({ target }) => target.startsWith(name));
    return { calls: attempts.filter(({ attempt }) => attempt === 1).length, attempts: attempts.length };
  });
}

describe("100 calls a second to each of two upstreams that fail always", () => {
  it.each<[string, Play]>([
    ["resets", { fails: "provider_unavailable" }],
    ["slow resets", { fails: "provider_unavailable", inMs: 200 }],
    ["errors", { fails: "provider_error" }],
    ["rate limits", { fails: "provider_rate_limited" }],
    ["refused keys", { fails: "provider_credentials" }],
    ["garbage", { fails: "provider_malformed" }],
    ["missing models", { fails: "model_not_found" }],
    ["nothing at all", "empty"],
  ])("grow by no more than a fifth: %s", async (_what, play) => {
    for (const { calls, attempts } of await load(play)) {
      // A breaker that opens a moment before the other's sends it some calls.
      expect(calls / (seconds * 100)).toBeCloseTo(1, 1);
      expect(attempts / calls).toBeLessThanOrEqual(1.2);
    }
  });
});
