import { describe, expect, it } from "vitest";
import { fault, reasonOf } from "./reasons.ts";
import { abortFault, linkSignal, untilAborted } from "./signals.ts";
import { failureOf } from "../testing/collect-events.ts";

describe("signals", () => {
  it("link until released", () => {
    const outer = new AbortController();
    const [linked, released] = [linkSignal(outer.signal), linkSignal(outer.signal)];
    released.release();
    outer.abort(fault("draining", "bye"));
    expect([linked.signal.aborted, released.signal.aborted]).toEqual([true, false]);
    expect(reasonOf(abortFault(linked.signal))).toBe("draining");
  });
  it("tell a deadline from a caller that went away", () => {
    expect(reasonOf(abortFault(AbortSignal.abort(new DOMException("late", "TimeoutError"))))).toBe("deadline_exceeded");
    expect(reasonOf(abortFault(AbortSignal.abort()))).toBe("caller_gone");
  });
  it("end a wait", async () => {
    const controller = new AbortController();
    const waiting = untilAborted(new Promise(() => {}), controller.signal);
    controller.abort();
    expect(reasonOf(await failureOf(waiting))).toBe("caller_gone");
  });
});
