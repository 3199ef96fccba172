import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { timers } from "./timers.ts";

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }));
afterEach(() => void vi.useRealTimers());

/** Timers on a clock that stands still, and what they called, with when. */
function tried() {
  const start = performance.now();
  const after = timers(() => performance.now());
  const called: string[] = [];
  const set = (name: string, ms: number) => after(ms, () => void called.push(`${name} ${Math.round(performance.now() - start)}`));
  return { set, called, after };
}

describe("timers", () => {
  it("call back once, never early, in the order in which they fall due", () => {
    const { set, called } = tried();
    set("a", 50);
    vi.advanceTimersByTime(20);
    set("b", 50);
    set("c", 10);
    set("d", 10.2);
    vi.advanceTimersByTime(49);
    expect(called).toEqual(["c 30", "d 31", "a 50"]);
    vi.advanceTimersByTime(1);
    expect(called).toEqual(["c 30", "d 31", "a 50", "b 70"]);
    vi.advanceTimersByTime(1000);
    expect(called).toHaveLength(4);
  });
  it("that are cancelled call nothing, wherever they stand in their row", () => {
    const { set, called } = tried();
    const cancels = ["a", "b", "c", "d"].map((name) => set(name, 50));
    cancels[0]!();
    cancels[2]!();
    cancels[2]!();
    cancels[3]!();
    set("e", 50);
    vi.advanceTimersByTime(50);
    expect(called).toEqual(["b 50", "e 50"]);
    cancels[1]!();
  });
  it("of one duration share one of Node's, and leave none behind", () => {
    const { set } = tried();
    const cancels = Array.from({ length: 100 }, () => set("a", 50));
    expect(vi.getTimerCount()).toBe(1);
    for (const cancel of cancels) cancel();
    vi.advanceTimersByTime(50);
    expect(vi.getTimerCount()).toBe(0);
  });
  it("may be set and cancelled by what they call", () => {
    const { called, after, set } = tried();
    let cancel = () => {};
    after(50, () => {
      set("later", 50);
      cancel();
    });
    cancel = set("never", 50);
    vi.advanceTimersByTime(100);
    expect(called).toEqual(["later 100"]);
  });
  it("that are set by what they call do not delay those behind them", () => {
    const { called, after, set } = tried();
    after(50, () => {
      called.push("a 50");
      set("a", 50);
    });
    vi.advanceTimersByTime(10);
    set("b", 50);
    vi.advanceTimersByTime(200);
    expect(called).toEqual(["a 50", "b 60", "a 100"]);
  });
  it("that are set anew by what they call have their turn in the next round", () => {
    const { after } = tried();
    let rounds = 0;
    const again = () => {
      rounds++;
      after(0, again);
    };
    after(0, again);
    vi.advanceTimersByTime(5);
    expect(rounds).toBe(5);
  });
  it("of durations that callers choose leave nothing behind when they are cancelled, however many", () => {
    const { set } = tried();
    for (let ms = 1000; ms < 6000; ms++) set("a", ms)();
    expect(vi.getTimerCount()).toBeLessThanOrEqual(256);
    const running = Array.from({ length: 400 }, (_, index) => set("b", 10_000 + index));
    expect(vi.getTimerCount()).toBe(400);
    for (const cancel of running.slice(256)) cancel();
    expect(vi.getTimerCount()).toBe(256);
  });
  it("never keep the process alive", () => {
    vi.useRealTimers();
    const before = process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
    const cancel = timers(() => performance.now())(60_000, () => {});
    expect(process.getActiveResourcesInfo().filter((name) => name === "Timeout")).toHaveLength(before);
    cancel();
  });
  it("go on behind one whose callback throws", () => {
    const { called, after, set } = tried();
    after(50, () => {
      throw new Error("broken");
    });
    set("b", 50);
    expect(() => vi.advanceTimersByTime(50)).toThrow("broken");
    vi.advanceTimersByTime(1);
    expect(called).toEqual(["b 51"]);
  });
  it("take more durations than there are rows, and longer ones than Node's timers know", () => {
    const { set, called } = tried();
    for (let ms = 1; ms <= 400; ms++) set("a", ms);
    set("b", 3 * 2 ** 31);
    set("c", Infinity);
    vi.advanceTimersByTime(400);
    expect(called).toHaveLength(400);
    vi.advanceTimersByTime(3 * 2 ** 31 - 401);
    expect(called).toHaveLength(400);
    vi.advanceTimersByTime(1);
    expect(called.at(-1)).toMatch(/^b /);
  });
});
