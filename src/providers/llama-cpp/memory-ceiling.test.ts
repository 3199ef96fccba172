import { describe, expect, it } from "vitest";
import { fakeClock } from "../../testing/fake-clock.ts";
import { memoryCeiling, ownMemory } from "./memory-ceiling.ts";

const settle = () => new Promise((resolve) => setImmediate(resolve));

/** Watches a process whose memory is this at each look. */
async function passedAt(memory: readonly (number | undefined)[]) {
  const clock = fakeClock();
  const passed: [bytes: number, ceiling: number][] = [];
  let looks = 0;
  const read = () => Promise.resolve(memory[looks++]);
  const stop = memoryCeiling({ clock, growthBytes: 100, read, onPassed: (...facts) => passed.push(facts) });
  for (const _ of memory) {
    await settle();
    clock.advance(10_000);
  }
  await settle();
  stop();
  return { passed, looks, pending: clock.pending() };
}

describe("the ceiling of a process's memory", () => {
  it("is what it had at the first look and what it may grow by, and is told once", async () => {
    expect(await passedAt([1000, 1100, 1101, 5000])).toEqual({ passed: [[1101, 1100]], looks: 3, pending: 0 });
  });

  it("is counted from the first time that the memory is known", async () => {
    expect((await passedAt([undefined, 1000, undefined, 1200])).passed).toEqual([[1200, 1100]]);
  });

  it("watches no more once it is stopped", async () => {
    expect(await passedAt([1000, 1000])).toEqual({ passed: [], looks: 3, pending: 0 });
  });
});

describe.runIf(process.platform === "linux")("a process's own memory", () => {
  it("is what it has taken, and leaves out the files that it maps", async () => {
    const before = (await ownMemory(process.pid)) ?? 0;
    const taken = Buffer.alloc(64 * 2 ** 20, 1);
    const after = (await ownMemory(process.pid)) ?? 0;
    expect(after - before).toBeGreaterThan(taken.length / 2);
    expect(after).toBeLessThan(process.memoryUsage.rss() + 2 ** 26);
  });

  it("is unknown when there is no such process", async () => {
    expect([await ownMemory(2 ** 22 + 1), await ownMemory(undefined)]).toEqual([undefined, undefined]);
  });
});
