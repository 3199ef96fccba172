import { describe, expect, it } from "vitest";
import { reasonOf, retryAfterMsOf, type FaultOptions, type Reason } from "../../core/reasons.ts";
import { routed, type Routed, type Scripted } from "../../testing/routed.ts";
import type { Play } from "../../testing/scripted-target.ts";

const fails = (reason: Reason, says?: FaultOptions): Play => ({ fails: reason, ...(says !== undefined && { says }) });
const [a, b] = [{ name: "a" }, { name: "b" }];
const keys = (name: string, plays: readonly (readonly Play[])[]): Scripted[] =>
  plays.map((each, index) => ({ name, key: index + 1, plays: each, rank: 0 }));

describe("an upstream that asks for a pause", () => {
  const pause = (retryAfterMs: number) => fails("provider_rate_limited", { retryAfterMs });

  it("is not asked again before", async () => {
    const route = routed([{ ...a, plays: [pause(3000), "ok"] }]);
    const { error } = await route.call();
    const [first, second] = route.score.attempts;
    expect(error).toBeUndefined();
    expect(second!.atMs - first!.atMs).toBeGreaterThanOrEqual(3000);
    expect(second!.atMs - first!.atMs).toBeLessThan(3500);
  });

  it("is not asked by later calls either", async () => {
    const route = routed([{ ...a, plays: [pause(60_000), "ok"] }]);
    const first = await route.call();
    const later = await route.call();
    expect([first, later].map(({ error }) => reasonOf(error))).toEqual(["provider_rate_limited", "provider_rate_limited"]);
    expect(route.asked()).toEqual(["a"]);
    expect(retryAfterMsOf(later.error!)).toBeGreaterThan(59_000);
    route.clock.advance(60_000);
    expect((await route.call()).error).toBeUndefined();
  });

  it("leaves the call to another at once", async () => {
    const route = routed([
      { ...a, plays: [pause(1000)] },
      { ...b, plays: ["ok"] },
    ]);
    await route.call();
    await route.call();
    expect(route.asked()).toEqual(["a", "b", "b"]);
  });

  it("is told to the caller when the wait does not fit into the caller's deadline", async () => {
    const route = routed([{ ...a, plays: [pause(5000), "ok"] }]);
    const { error } = await route.call({ deadlineMs: route.clock.now() + 4000 });
    expect([reasonOf(error), retryAfterMsOf(error!), route.asked()]).toEqual(["provider_rate_limited", 5000, ["a"]]);
  });

  it("is not rushed by those who waited: few may, the others are told when to come back", async () => {
    const route = routed([{ ...a, plays: [pause(2000), "ok"] }], { limits: { maxAttempts: 1 } });
    await route.call();
    const calls = await Promise.all(Array.from({ length: 100 }, () => route.call()));
    const refused = calls.filter(({ error }) => error !== undefined);
    expect(refused.length).toBeGreaterThanOrEqual(65);
    for (const { error } of refused) expect([reasonOf(error), retryAfterMsOf(error!)]).toEqual(["provider_rate_limited", 2000]);
    const [first, ...later] = route.score.attempts;
    for (const { atMs } of later) expect(atMs - first!.atMs).toBeGreaterThanOrEqual(2000);
  });

  it("rests with one key and model alone", async () => {
    const route = routed(keys("a", [[pause(60_000)], ["ok"]]));
    for (let call = 0; call < 3; call++) expect((await route.call()).error).toBeUndefined();
    expect(route.asked()).toEqual(["a1", "a2", "a2", "a2"]);
  });
});

/** So many calls, 100 a second. */
async function flow(route: Routed, calls: number): Promise<number> {
  let failed = 0;
  for (let call = 0; call < calls; call++) {
    if ((await route.call()).error !== undefined) failed++;
    route.clock.advance(10);
  }
  return failed;
}

const fallback = (play: Play): Scripted[] => [
  { ...a, plays: [play] },
  { ...b, plays: ["ok"] },
];

describe("a target that will not serve for a while, at 100 calls a second", () => {
  const usedUp = fails("provider_rate_limited", { metadata: { quota: "exhausted" } });
  it.each<[string, Scripted[]]>([
    ["whose quota is used up leaves them to the fallback", fallback(usedUp)],
    ["whose quota is used up leaves them to the other key", keys("a", [[usedUp], ["ok"]])],
    ["that limits its rate without saying for how long leaves them to the fallback", fallback(fails("provider_rate_limited"))],
    [
      "that limits its rate without saying for how long leaves them to the other key",
      keys("a", [[fails("provider_rate_limited")], ["ok"]]),
    ],
  ])("%s", async (_what, stops) => {
    const route = routed(stops);
    expect(await flow(route, 1000)).toBe(0);
    const first = stops[0]?.key === undefined ? "a" : "a1";
    expect(route.asked().filter((name) => name === first).length).toBeLessThan(7);
  });

  it("is tried after a while that doubles, by one call at a time, and gets its calls back when that is served", async () => {
    const limited = Array.from({ length: 3 }, () => fails("provider_rate_limited"));
    const route = routed([
      { ...a, plays: [...limited, { afterMs: 100 }] },
      { ...b, plays: ["ok"] },
    ]);
    await flow(route, 400);
    const tries = route.score.attempts.filter(({ target }) => target === "a").map(({ atMs }) => atMs);
    const waits = tries.slice(1, 4).map((ms, index) => Math.round((ms - tries[index]!) / 100) * 100);
    expect(waits).toEqual([500, 1000, 2000]);
    expect(route.asked().slice(-20)).toEqual(Array.from({ length: 20 }, () => "a"));
  });

  it("is asked by each call all the same where it is the only one, three times at most", async () => {
    const route = routed([{ ...a, plays: [fails("provider_rate_limited")] }]);
    for (let call = 0; call < 2; call++) expect(reasonOf((await route.call()).error)).toBe("provider_rate_limited");
    expect(route.asked()).toHaveLength(6);
  });
});

describe("a key that its upstream has refused", () => {
  it("is told in the log once, however many calls find no other", async () => {
    const route = routed([{ ...a, key: 1, plays: [fails("provider_credentials")] }], { limits: { keyRetireMs: 1000 } });
    const warnings = () => route.lines.filter(({ message }) => message.includes("refused one of its keys")).length;
    await flow(route, 50);
    expect(warnings()).toBe(1);
    await flow(route, 100);
    expect(warnings()).toBe(2);
  });

  it("comes last for every model of that upstream, at once", async () => {
    const route = routed([
      { ...a, key: 1, model: "m", plays: [fails("provider_credentials")] },
      { ...a, key: 1, model: "n", plays: ["ok"] },
      { ...b, plays: ["ok"] },
    ]);
    await route.call();
    await route.call();
    expect(route.asked()).toEqual(["a1", "b", "b"]);
  });

  it("comes last for a while", async () => {
    const route = routed(keys("a", [[fails("provider_credentials"), "ok"], ["ok"]]), { limits: { keyRetireMs: 1000 } });
    for (let call = 0; call < 3; call++) await route.call();
    expect(route.asked()).toEqual(["a1", "a2", "a2", "a2"]);
    expect(route.routing.health.healthOf("a")).toMatchObject({ isAvailable: true });
    route.clock.advance(1000);
    await route.call();
    await route.call();
    expect(route.asked().slice(4).toSorted()).toEqual(["a1", "a2"]);
  });

  it("is asked all the same when there is no other", async () => {
    const route = routed([{ ...a, key: 1, plays: [fails("provider_credentials"), "ok"] }]);
    expect(reasonOf((await route.call()).error)).toBe("provider_credentials");
    expect((await route.call()).error).toBeUndefined();
  });
});

describe("a model that an upstream does not have", () => {
  it("comes last for a while, and says nothing of the upstream's health", async () => {
    const route = routed([
      { ...a, model: "gone", plays: [fails("model_not_found")] },
      { ...b, plays: ["ok"] },
    ]);
    for (let call = 0; call < 20; call++) await route.call();
    expect(route.asked().slice(0, 4)).toEqual(["a", "b", "b", "b"]);
    expect(route.routing.health.healthOf("a")).toEqual({ isAvailable: true, breaker: "closed", errorRate: undefined });
  });
});

describe("a caller's own key", () => {
  const taking = { takesCallerKeys: true };
  const mine = { upstreamKey: "sk-mine" };

  it("is refused where nothing takes one, and the header is named", async () => {
    const route = routed([{ ...a, plays: ["ok"] }]);
    const request = route.call(mine);
    await expect(request.then(({ error }) => [reasonOf(error), error?.rawMessage])).resolves.toEqual([
      "permission_denied",
      expect.stringContaining("x-parley-upstream-key"),
    ]);
    expect(route.asked()).toEqual([]);
  });

  it("is shown to one upstream alone, once, whatever is known of the operator's keys", async () => {
    const route = routed([
      { ...a, plays: ["ok"] },
      ...[1, 2].map((key) => ({ name: "b", key, plays: [fails("provider_malformed")], target: taking, rank: 1 })),
      { name: "c", plays: ["ok" as const], target: taking, rank: 2 },
    ]);
    const { error } = await route.call(mine);
    expect(route.asked()).toEqual(["b1"]);
    expect(reasonOf(error)).toBe("provider_malformed");
    expect(route.routing.health.healthOf("b")).toMatchObject({ breaker: "closed", errorRate: undefined });
  });

  it("is the caller's fault when it is refused", async () => {
    const route = routed([
      { ...a, plays: [fails("unauthenticated")], target: taking },
      { ...a, model: "other", plays: ["ok"], target: taking },
    ]);
    expect(reasonOf((await route.call(mine)).error)).toBe("unauthenticated");
    expect(route.asked()).toEqual(["a"]);
  });
});
