import { describe, expect, it } from "vitest";
import type { FaultOptions, Reason } from "../core/reasons.ts";
import { reasonOf, reasons, retryAfterMsOf } from "../core/reasons.ts";
import { textOf, valuesOf } from "../testing/collect-events.ts";
import { routed, type Scripted } from "../testing/routed.ts";
import type { Play } from "../testing/scripted-target.ts";
import { rules } from "./rules.ts";

const fails = (reason: Reason, says?: FaultOptions): Play => ({ fails: reason, ...(says !== undefined && { says }) });
const [a, b]: [Omit<Scripted, "plays">, Omit<Scripted, "plays">] = [{ name: "a" }, { name: "b" }];
const keys = (name: string, plays: readonly (readonly Play[])[], rank = 0): Scripted[] =>
  plays.map((each, index) => ({ name, key: index + 1, plays: each, rank }));

interface Row {
  readonly it: string;
  readonly stops: readonly Scripted[];
  /** Who is asked, in order. */
  readonly asked: readonly string[];
  /** Who serves, or why nobody does. */
  readonly ends: string;
  readonly served?: object;
}

const rows: readonly Row[] = [
  {
    it: "asks the first alone when it answers",
    stops: [
      { ...a, plays: ["ok"] },
      { ...b, plays: ["ok"] },
    ],
    asked: ["a"],
    ends: "a",
    served: { attempts: 1, retries: 0, fallback: false, rateLimited: false, hedged: false },
  },
  {
    it: "asks once more after one 5xx",
    stops: [
      { ...a, plays: [fails("provider_error"), "ok"] },
      { ...b, plays: ["ok"] },
    ],
    asked: ["a", "a"],
    ends: "a",
    served: { attempts: 2, retries: 1, fallback: false },
  },
  {
    it: "moves on after a second 5xx",
    stops: [
      { ...a, plays: [fails("provider_error")] },
      { ...b, plays: ["ok"] },
    ],
    asked: ["a", "a", "b"],
    ends: "b",
    served: { attempts: 3, retries: 1, fallback: true },
  },
  {
    it: "takes an upstream that says it is overloaded for a 5xx, since it answered",
    stops: [
      { ...a, plays: [fails("provider_unavailable", { metadata: { upstream_status: "503" } }), "ok"] },
      { ...b, plays: ["ok"] },
    ],
    asked: ["a", "a"],
    ends: "a",
  },
  {
    it: "moves on after a reset",
    stops: [
      { ...a, plays: [fails("provider_unavailable")] },
      { ...b, plays: ["ok"] },
    ],
    asked: ["a", "b"],
    ends: "b",
    served: { attempts: 2, retries: 0, fallback: true },
  },
  {
    it: "asks a target that reset the connection once more when there is no other",
    stops: [{ ...a, plays: [fails("provider_unavailable"), "ok"] }],
    asked: ["a", "a"],
    ends: "a",
  },
  {
    it: "moves on after a time-out and never comes back",
    stops: [
      { ...a, plays: [fails("provider_timeout")] },
      { ...b, plays: [fails("provider_unavailable")] },
    ],
    asked: ["a", "b", "b"],
    ends: "provider_timeout",
  },
  {
    it: "moves on after a malformed first frame",
    stops: [
      { ...a, plays: [fails("provider_malformed")] },
      { ...b, plays: ["ok"] },
    ],
    asked: ["a", "b"],
    ends: "b",
  },
  {
    it: "takes a stream that ends before it has begun for one that broke off",
    stops: [
      { ...a, plays: ["empty"] },
      { ...b, plays: ["ok"] },
    ],
    asked: ["a", "b"],
    ends: "b",
  },
  {
    it: "tries nothing else once it has started",
    stops: [
      { ...a, plays: ["cut"] },
      { ...b, plays: ["ok"] },
    ],
    asked: ["a"],
    ends: "provider_truncated",
  },
  {
    it: "asks the next key after a refused one",
    stops: keys("a", [[fails("provider_credentials")], ["ok"]]),
    asked: ["a1", "a2"],
    ends: "a",
    served: { attempts: 2, retries: 0, fallback: false },
  },
  {
    it: "asks the next key after a rate limit",
    stops: [...keys("a", [[fails("provider_rate_limited")], ["ok"]]), { ...b, plays: ["ok"], rank: 1 }],
    asked: ["a1", "a2"],
    ends: "a",
    served: { rateLimited: true, retries: 0, fallback: false },
  },
  {
    it: "asks the only key again after a rate limit",
    stops: [{ ...a, plays: [fails("provider_rate_limited"), fails("provider_rate_limited"), "ok"] }],
    asked: ["a", "a", "a"],
    ends: "a",
    served: { rateLimited: true, retries: 2 },
  },
  {
    it: "never asks a key again whose quota is used up",
    stops: keys("a", [[fails("provider_rate_limited", { metadata: { quota: "exhausted" } })], [fails("provider_credentials")]]),
    asked: ["a1", "a2"],
    ends: "provider_rate_limited",
  },
  {
    it: "asks another upstream before the other keys of one that is down",
    stops: [...keys("a", [[fails("provider_unavailable")], ["ok"]]), { ...b, plays: ["ok"], rank: 1 }],
    asked: ["a1", "b"],
    ends: "b",
  },
  {
    it: "does not move on after the caller's error",
    stops: [
      { ...a, plays: [fails("invalid_request")] },
      { ...b, plays: ["ok"] },
    ],
    asked: ["a"],
    ends: "invalid_request",
  },
  {
    it: "does not move on after a content filter",
    stops: [
      { ...a, plays: [fails("content_filtered")] },
      { ...b, plays: ["ok"] },
    ],
    asked: ["a"],
    ends: "content_filtered",
  },
  {
    it: "moves on with a prompt too long only to larger and unknown contexts",
    stops: [
      { ...a, plays: [fails("context_length_exceeded")], contextLength: 4096 },
      { name: "small", plays: ["ok"], contextLength: 4096 },
      { name: "large", plays: [fails("provider_malformed")], contextLength: 8192 },
      { name: "unknown", plays: ["ok"] },
    ],
    asked: ["a", "large", "unknown"],
    ends: "unknown",
  },
  {
    it: "believes an error that tells the context's length",
    stops: [
      { ...a, plays: [fails("context_length_exceeded", { metadata: { context_length: "9000" } })] },
      { name: "large", plays: ["ok"], contextLength: 8192 },
    ],
    asked: ["a"],
    ends: "context_length_exceeded",
  },
  {
    it: "moves on where an upstream does not have the model",
    stops: [...keys("a", [[fails("model_not_found")], ["ok"]]), { ...b, plays: ["ok"], rank: 1 }],
    asked: ["a1", "b"],
    ends: "b",
  },
  {
    it: "tells the first target's fault, not that of the last fallback",
    stops: [
      { ...a, plays: [fails("provider_timeout")] },
      { ...b, plays: [fails("invalid_request")] },
    ],
    asked: ["a", "b"],
    ends: "provider_timeout",
  },
  {
    it: "tells the caller's fault where another key of the same model finds it",
    stops: keys("a", [[fails("provider_rate_limited")], [fails("invalid_request")]]),
    asked: ["a1", "a2"],
    ends: "invalid_request",
  },
  {
    it: "asks a target of this machine where the upstream is gone",
    stops: [
      { ...a, plays: [fails("provider_unavailable")] },
      { name: "local", plays: ["ok"], target: { isLocal: true } },
    ],
    asked: ["a", "local"],
    ends: "local",
  },
];

describe("a call whose targets fail", () => {
  it.each(rows)("$it", async ({ stops, asked, ends, served }) => {
    const route = routed(stops);
    const { events, error, context } = await route.call();
    expect(route.asked()).toEqual(asked);
    expect(error === undefined ? valuesOf(events, "completed")[0]?.servedBy?.provider : reasonOf(error)).toBe(ends);
    expect(context.record.attempts).toBe(asked.length);
    expect([route.score.running, route.score.ended, route.clock.pending()]).toEqual([0, asked.length, 0]);
    if (error === undefined) expect(textOf(events)).toBe("ok");
    if (served !== undefined) expect(valuesOf(events, "completed")[0]?.servedBy).toMatchObject(served);
  });

  it("has a rule for every reason that moves on, and for a model that is missing", () => {
    const moving = Object.entries(reasons).flatMap(([reason, { movesOn }]) => (movesOn ? [reason] : []));
    expect(Object.keys(rules).toSorted()).toEqual([...moving, "model_not_found"].toSorted());
  });

  it("says how many were tried", async () => {
    const route = routed([
      { ...a, plays: [fails("provider_error")] },
      { ...b, plays: [fails("provider_malformed")] },
    ]);
    const { error } = await route.call();
    expect(error?.rawMessage).toBe("a fails: provider_error (3 attempts at 2 targets)");
  });

  it("names upstream and model where the route leads to a model that is missing", async () => {
    const route = routed([{ ...a, model: "gone", plays: [{ fails: "model_not_found", says: {} }] }]);
    const { error } = await route.call();
    expect(error?.rawMessage).toBe('a has no model "gone": check the route that leads there');
  });

  it("names the model that served where it is another than the route's first", async () => {
    const route = routed([
      { ...a, plays: [fails("provider_malformed")] },
      { ...b, model: "other", plays: ["ok"], isOtherModel: true },
    ]);
    const { events } = await route.call();
    expect(valuesOf(events, "started")[0]).toMatchObject({ answerModel: "other", model: "other", attempt: 2, isFallback: true });
  });

  it("repeats the name asked for where a fallback has the same model under another name", async () => {
    const route = routed([
      { ...a, plays: [fails("provider_malformed")] },
      { ...b, model: "its-name-there", plays: ["ok"] },
    ]);
    const { events } = await route.call();
    expect(valuesOf(events, "started")[0]).toMatchObject({ answerModel: "alias", model: "its-name-there" });
  });

  it("logs each use of a fallback", async () => {
    const route = routed([
      { ...a, plays: [fails("provider_malformed")] },
      { ...b, plays: ["ok"] },
    ]);
    await route.call();
    expect(route.lines.filter(({ level }) => level === "warn")).toEqual([
      {
        level: "warn",
        message: "a fallback serves",
        facts: { requestId: "request-1", provider: "b", model: "m", reason: "provider_malformed", insteadOf: "a/m" },
      },
    ]);
  });

  it("stops at the limit of attempts", async () => {
    const route = routed([{ ...a, plays: [fails("provider_rate_limited")] }], { limits: { maxAttempts: 4 } });
    const { error } = await route.call();
    expect(route.asked()).toHaveLength(4);
    expect(error?.rawMessage).toBe("a fails: provider_rate_limited (4 attempts at one target; limits.maxAttempts is 4)");
  });

  it("passes on the progress of every attempt, and tries others after it", async () => {
    const route = routed([{ ...a, plays: ["progress"] }]);
    const { events } = await route.call();
    expect(valuesOf(events, "progress")).toHaveLength(1);
    expect(textOf(events)).toBe("ok");
  });
});

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

  it("rests with one key and model alone", async () => {
    const route = routed(keys("a", [[pause(60_000)], ["ok"]]));
    for (let call = 0; call < 3; call++) expect((await route.call()).error).toBeUndefined();
    expect(route.asked()).toEqual(["a1", "a2", "a2", "a2"]);
  });
});

describe("a key that its upstream has refused", () => {
  it("comes last for a while, for every model of that upstream", async () => {
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
