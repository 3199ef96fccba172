import {
  type Arbitrary,
  array,
  assert,
  asyncProperty,
  boolean,
  constant,
  constantFrom,
  integer,
  oneof,
  option,
  record,
  uniqueArray,
} from "fast-check";
import { describe, expect, it } from "vitest";
import { reasonOf, type Reason } from "../../core/reasons.ts";
import { valuesOf } from "../../testing/collect-events.ts";
import { routed, type Ended, type Routed, type Scripted } from "../../testing/routed.ts";
import type { Play } from "../../testing/scripted-target.ts";

const failing: readonly Reason[] = [
  "provider_error",
  "provider_unavailable",
  "provider_timeout",
  "provider_malformed",
  "provider_rate_limited",
  "provider_credentials",
  "context_length_exceeded",
  "model_not_found",
  "queue_full",
  "engine_failed",
  "invalid_request",
];

const play: Arbitrary<Play> = oneof(
  constantFrom<Play>("ok", "progress", "empty", "cut"),
  record({ afterMs: integer({ min: 1, max: 400 }), tellsProgress: boolean() }),
  record({ fails: constantFrom(...failing), inMs: integer({ min: 0, max: 300 }) }),
  record({ fails: constant<Reason>("provider_rate_limited"), retryAfterMs: integer({ min: 1, max: 15_000 }) }).map(
    ({ fails, retryAfterMs }) => ({ fails, says: { retryAfterMs } }),
  ),
);

const stop: Arbitrary<Scripted> = record({
  name: constantFrom("a", "b", "c"),
  key: integer({ min: 0, max: 3 }),
  model: constantFrom("m", "n"),
  rank: integer({ min: 0, max: 2 }),
  weight: integer({ min: 0, max: 2 }),
  plays: array(play, { minLength: 1, maxLength: 4 }),
});

const world = record({
  stops: uniqueArray(stop, { minLength: 1, maxLength: 6, selector: ({ name, key, model }) => `${name}${key}${model}` }),
  hedge: option(record({ afterMs: integer({ min: 1, max: 300 }), percent: constantFrom(50, 100) }), { nil: undefined }),
  maxAttempts: integer({ min: 1, max: 8 }),
  /** When each call's caller leaves, ms. */
  leaves: array(option(integer({ min: 0, max: 2000 }), { nil: undefined }), { minLength: 1, maxLength: 5 }),
});

/** Makes the calls one after the other. */
async function played({ stops, hedge, maxAttempts, leaves }: typeof world extends Arbitrary<infer World> ? World : never) {
  const route = routed(stops, { hedge, limits: { maxAttempts } });
  const calls: Ended[] = [];
  for (const leaveMs of leaves) {
    const leaving = new AbortController();
    const cancel = leaveMs === undefined ? () => {} : route.clock.after(leaveMs, () => leaving.abort());
    calls.push(await route.call({ signal: leaving.signal }));
    cancel();
  }
  return { route, calls };
}

const attemptsOf = (route: Routed, { context }: Ended) => route.score.attempts.filter((each) => each.context.record === context.record);

describe("whatever targets do", () => {
  it("ends every stream that was begun, once, and leaves no timer behind", async () => {
    await assert(
      asyncProperty(world, async (given) => {
        const { route } = await played(given);
        expect([route.score.running, route.score.ended]).toEqual([0, route.score.attempts.length]);
        // Scripted targets wait on the same clock: what they have begun to wait for runs out.
        route.clock.advance(1000);
        expect(route.clock.pending()).toBe(0);
      }),
      { numRuns: 150 },
    );
  });

  it("makes no attempt after one has started, and no more than the limit", async () => {
    await assert(
      asyncProperty(world, async (given) => {
        const { route, calls } = await played(given);
        for (const call of calls) {
          const [started] = valuesOf(call.events, "started");
          const attempts = attemptsOf(route, call);
          expect(attempts.length).toBeLessThanOrEqual(given.maxAttempts);
          expect(call.context.record.attempts).toBe(attempts.length);
          expect(valuesOf(call.events, "started").length).toBeLessThanOrEqual(1);
          if (started !== undefined) expect(attempts.length - started.attempt).toBeLessThanOrEqual(given.hedge === undefined ? 0 : 1);
          if (call.error === undefined) expect(started).toBeDefined();
          else expect(reasonOf(call.error)).not.toBe("internal");
        }
      }),
      { numRuns: 150 },
    );
  });

  it("asks no key for a model before its upstream said it may", async () => {
    await assert(
      asyncProperty(world, async (given) => {
        const { route } = await played(given);
        for (const [index, attempt] of route.score.attempts.entries()) {
          const pauses = attempt.notBeforeMs;
          const later = route.score.attempts.slice(index + 1).filter((each) => isSame(each, attempt));
          for (const each of later) if (pauses !== undefined) expect(each.atMs).toBeGreaterThanOrEqual(pauses);
        }
      }),
      { numRuns: 150 },
    );
  });
});

function isSame(a: Routed["score"]["attempts"][number], b: typeof a): boolean {
  return a.target === b.target && a.request.model === b.request.model;
}
