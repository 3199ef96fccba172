import { describe, expect, it, vi } from "vitest";
import { tinyScheduler } from "../../testing/tiny-scheduler.ts";

// A model is loaded, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000 });

const tokens = (count: number, from: number) => Array.from({ length: count }, (_, index) => 40 + ((index * 7 + from * 13) % 80));

describe("a prompt that is read while others write", () => {
  it("is read a chunk at a time, with a token of each stream in between", async () => {
    const tiny = await tinyScheduler({ prefillChunkTokens: 16 });
    const stream = tiny.ask(tokens(5, 1), { maxTokens: 80 });
    await stream.until("text");
    const { progress } = await tiny.ask(tokens(600, 2)).outcome;
    // Every step is a tick, in which the stream wrote a token too.
    expect(Math.max(...progress.map((done, index) => done - (progress[index - 1] ?? 0)))).toBeLessThanOrEqual(16);
    const { stats } = await stream.outcome;
    expect(stats.completionTokens).toBe(80);
    expect(tiny.decodes().every(([busy, active]) => busy >= active)).toBe(true);
    expect(tiny.decodes().filter(([, active]) => active === 1).length).toBeGreaterThanOrEqual(600 / 16);
  });

  it("lets a short prompt pass that came later", async () => {
    const tiny = await tinyScheduler({ prefillChunkTokens: 16 });
    const order: string[] = [];
    const long = tiny.ask(tokens(800, 1)).outcome.then(() => order.push("long"));
    const short = tiny.ask(tokens(30, 2)).outcome.then(() => order.push("short"));
    await Promise.all([long, short]);
    expect(order).toEqual(["short", "long"]);
  });

  it("gives its sequence back at the next chunk when nobody wants it any more", async () => {
    const tiny = await tinyScheduler({ prefillChunkTokens: 16, sequences: 1 });
    const long = tiny.ask(tokens(900, 1));
    await long.until("reading");
    tiny.evaluated();
    tiny.scheduler.cancel(long.id);
    await tiny.ask(tokens(20, 2)).outcome;
    // The chunk that ran, and the other request.
    expect(tiny.evaluated()).toBeLessThanOrEqual(16 + 20 + 3);
  });

  it("frees the place of one who waits for what it reads, at once", async () => {
    const tiny = await tinyScheduler({ prefillChunkTokens: 16, sequences: 2 });
    const first = tiny.ask([...tokens(900, 1), 50]);
    await first.until("reading");
    const second = tiny.ask([...tokens(900, 1), 60]);
    await second.until("admitted");
    tiny.scheduler.cancel(second.id);
    const third = await tiny.ask(tokens(20, 2)).outcome;
    expect(third.stats.completionTokens).toBe(4);
    expect((await first.outcome).progress.length).toBeGreaterThan(900 / 16);
  });
});
