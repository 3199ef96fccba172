import { describe, expect, it } from "vitest";
import { defaultLimits } from "../core/limits.ts";
import { reasonOf } from "../core/reasons.ts";
import { untilAborted } from "../core/signals.ts";
import { fakeClock } from "../testing/fake-clock.ts";
import { unary } from "./unary.ts";
import { failureOf } from "../testing/collect-events.ts";

/** A call that can be ended. */
function openCall() {
  const controller = new AbortController();
  return { signal: controller.signal, abort: (reason: Error) => controller.abort(reason) };
}

describe("unary work", () => {
  it("ends its call when it takes longer than its limit", async () => {
    const clock = fakeClock();
    const call = openCall();
    const answer = unary(call, { clock, limits: defaultLimits }, () => untilAborted(new Promise(() => {}), call.signal));
    clock.advance(defaultLimits.unaryCallMs);
    expect(reasonOf(await failureOf(answer))).toBe("time_limit");
  });

  it("leaves no timer behind", async () => {
    const clock = fakeClock();
    const call = openCall();
    expect(await unary(call, { clock, limits: defaultLimits }, async () => "whole")).toBe("whole");
    expect([clock.pending(), call.signal.aborted]).toEqual([0, false]);
  });
});
