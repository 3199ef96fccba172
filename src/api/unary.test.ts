import { describe, expect, it } from "vitest";
import { defaultLimits } from "../core/limits.ts";
import { reasonOf } from "../core/reasons.ts";
import { untilAborted } from "../core/signals.ts";
import { testCall } from "../testing/call-context.ts";
import { fakeClock } from "../testing/fake-clock.ts";
import { unary } from "./unary.ts";
import { failureOf } from "../testing/collect-events.ts";

describe("unary work", () => {
  it("is ended when it takes longer than its limit", async () => {
    const clock = fakeClock();
    const answer = unary(testCall(), { clock, limits: defaultLimits }, ({ signal }) => untilAborted(new Promise(() => {}), signal));
    clock.advance(defaultLimits.unaryCallMs);
    expect(reasonOf(await failureOf(answer))).toBe("time_limit");
  });

  it("leaves no timer behind", async () => {
    const clock = fakeClock();
    expect(await unary(testCall(), { clock, limits: defaultLimits }, async () => "whole")).toBe("whole");
    expect(clock.pending()).toBe(0);
  });

  it("ends with its call", async () => {
    const clock = fakeClock();
    const caller = new AbortController();
    const call = testCall({ signal: caller.signal });
    const answer = unary(call, { clock, limits: defaultLimits }, ({ signal }) => untilAborted(new Promise(() => {}), signal));
    caller.abort();
    expect(reasonOf(await failureOf(answer))).toBe("caller_gone");
  });
});
