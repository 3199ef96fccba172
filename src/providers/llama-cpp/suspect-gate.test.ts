import { describe, expect, it } from "vitest";
import { defaultLimits, type Limits } from "../../core/limits.ts";
import { fault, reasonOf } from "../../core/reasons.ts";
import { failureOf } from "../../testing/collect-events.ts";
import { fakeClock } from "../../testing/fake-clock.ts";
import { SuspectGate, type Passage } from "./suspect-gate.ts";

const { signal } = new AbortController();
const open = (limits: Partial<Limits> = {}, clock = fakeClock()) => new SuspectGate({ clock, limits: { ...defaultLimits, ...limits } });

/** Asks to enter and notes when that is. */
function entering(gate: SuspectGate, isSuspect: boolean) {
  const state: { passage?: Passage } = {};
  void gate.enter(isSuspect, signal).then((passage) => (state.passage = passage));
  return state;
}
const settle = () => new Promise((resolve) => setImmediate(resolve));

describe("the gate of suspects", () => {
  it("lets everybody in at once while there is no suspect", () => {
    const gate = open();
    expect([gate.tryEnter(false), gate.tryEnter(false)]).not.toContain(undefined);
  });

  it("lets a suspect in once the others have been admitted, and the next once it has been admitted itself", async () => {
    const gate = open();
    const before = gate.tryEnter(false)!;
    const suspect = entering(gate, true);
    const after = entering(gate, false);
    await settle();
    expect([suspect.passage, after.passage]).toEqual([undefined, undefined]);
    before.admitted();
    await settle();
    expect(suspect.passage).toBeDefined();
    expect(after.passage).toBeUndefined();
    suspect.passage?.admitted();
    await settle();
    expect(after.passage).toBeDefined();
  });

  it("lets in one suspect at a time, and others past the second", async () => {
    const gate = open();
    const first = gate.tryEnter(true)!;
    first.admitted();
    const [second, other] = [entering(gate, true), entering(gate, false)];
    await settle();
    expect(second.passage).toBeUndefined();
    expect(other.passage).toBeDefined();
    other.passage?.over();
    first.over();
    await settle();
    expect(second.passage).toBeDefined();
  });

  it("forgets a caller that leaves while it waits", async () => {
    const gate = open();
    const before = gate.tryEnter(false)!;
    const controller = new AbortController();
    const suspect = gate.enter(true, controller.signal);
    const after = entering(gate, false);
    controller.abort();
    expect(reasonOf(await failureOf(suspect))).toBe("caller_gone");
    await settle();
    expect(after.passage).toBeDefined();
    before.over();
  });

  it("keeps nobody longer, and no more, than an engine's queue does", async () => {
    const clock = fakeClock();
    const gate = open({ engineQueue: 1, engineQueueMs: 100 }, clock);
    gate.tryEnter(true);
    const waits = gate.enter(false, signal);
    expect(reasonOf(await failureOf(gate.enter(false, signal)))).toBe("queue_full");
    clock.advance(100);
    expect(reasonOf(await failureOf(waits))).toBe("queue_timeout");
  });

  it("tells those who wait that the engine has ended", async () => {
    const gate = open();
    gate.tryEnter(true);
    const waits = gate.enter(false, signal);
    gate.close(fault("engine_failed", "it ended"));
    expect(reasonOf(await failureOf(waits))).toBe("engine_failed");
  });
});
