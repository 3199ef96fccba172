import { describe, expect, it } from "vitest";
import { reasonOf, reasons, type FaultOptions, type Reason } from "../../core/reasons.ts";
import { textOf, valuesOf } from "../../testing/collect-events.ts";
import { routed, type Scripted } from "../../testing/routed.ts";
import type { Play } from "../../testing/scripted-target.ts";
import { rules } from "../targets/rules.ts";

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
    it: "does not ask another Parley again whose own upstream refuses its key",
    stops: [{ ...a, plays: [{ fails: "provider_error", says: { metadata: { upstream_reason: "provider_credentials" } } }] }],
    asked: ["a"],
    ends: "provider_error",
  },
  {
    it: "asks one of the keys once more after resets, behind all others",
    stops: [
      ...keys("a", [[fails("provider_unavailable")], [fails("provider_unavailable")]]),
      { ...b, plays: [fails("provider_malformed")], rank: 1 },
    ],
    asked: ["a1", "b", "a2", "a1"],
    ends: "provider_unavailable",
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
});
