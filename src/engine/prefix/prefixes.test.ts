import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { temporaryFolder } from "../../testing/temporary-folder.ts";
import { tinyScheduler, type Asked } from "../../testing/tiny-scheduler.ts";

// Models are loaded, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000 });

/** Tokens that say nothing, from a place on: text of the vocabulary's printable bytes. */
const tokens = (count: number, from = 0) =>
  Array.from({ length: count }, (_, index) => 40 + ((index * 7 + from * 13 + Math.floor(index / 60)) % 80));
const outcomes = (asked: readonly Asked[]) => Promise.all(asked.map(({ outcome }) => outcome));

describe("a beginning that prompts have in common", () => {
  it("is read once by requests that come together, and what they write is the same", async () => {
    const alone = await tinyScheduler({ cache: { memoryBytes: 0 }, sequences: 1 });
    const together = await tinyScheduler({ sequences: 8 });
    const prompts = Array.from({ length: 8 }, (_, index) => [...tokens(200), ...tokens(5, index + 1)]);
    const expected: (readonly string[])[] = [];
    for (const [index, prompt] of prompts.entries()) {
      // What its one sequence held is of another tenant.
      const { texts, stats } = await alone.ask(prompt, { tenant: `${index}`, maxTokens: 12 }).outcome;
      expect(stats.cachedTokens).toBe(0);
      expected.push(texts);
    }
    together.evaluated();
    const found = await outcomes(prompts.map((prompt) => together.ask(prompt, { maxTokens: 12 })));
    expect(found.map(({ texts }) => texts)).toEqual(expected);
    const cached = found.map(({ stats }) => stats.cachedTokens);
    expect(cached).toEqual([0, ...Array.from({ length: 7 }, () => 200)]);
    // All prompts but what came from elsewhere, and each drawn token but the last.
    expect(together.evaluated()).toBe(8 * 205 - 7 * 200 + 8 * 11);
    expect(together.troubles).toEqual([]);
  });

  it("is read for each tenant", async () => {
    const tiny = await tinyScheduler();
    const prompt = tokens(200);
    const found = await outcomes(["one", "two", "three"].map((tenant) => tiny.ask([...prompt, 50], { tenant })));
    expect(found.map(({ stats }) => stats.cachedTokens)).toEqual([0, 0, 0]);
    const later = await outcomes(["four", "one"].map((tenant) => tiny.ask([...prompt, 60], { tenant })));
    expect(later.map(({ stats }) => stats.cachedTokens)).toEqual([0, 200]);
  });

  it("is read for each tenant also beside another's answer that runs", async () => {
    const tiny = await tinyScheduler();
    const first = tiny.ask(tokens(200), { maxTokens: 400 });
    await first.until("text");
    expect((await tiny.ask(tokens(200), { tenant: "two" }).outcome).stats.cachedTokens).toBe(0);
    expect((await tiny.ask(tokens(200)).outcome).stats.cachedTokens).toBe(199);
    tiny.scheduler.cancel(first.id);
  });

  it("keeps no other tenant waiting for the one who reads it", async () => {
    const tiny = await tinyScheduler({ prefillChunkTokens: 16 });
    const one = tiny.ask(tokens(600));
    await one.until("reading");
    const other = tiny.ask(tokens(600), { tenant: "two" });
    await other.until("reading");
    expect(one.tokensRead()).toBeLessThan(300);
    await outcomes([one, other]);
  });

  it("is told in the progress, to the token", async () => {
    const tiny = await tinyScheduler();
    await tiny.ask(tokens(100)).outcome;
    const { progress, stats } = await tiny.ask([...tokens(90), ...tokens(40, 3)]).outcome;
    expect(stats.cachedTokens).toBe(90);
    expect(progress).toEqual([90, 122, 130]);
  });

  it("leaves one token to evaluate when the prompt is the same", async () => {
    const tiny = await tinyScheduler();
    const first = await tiny.ask(tokens(100)).outcome;
    tiny.evaluated();
    const second = await tiny.ask(tokens(100)).outcome;
    expect(second.stats.cachedTokens).toBe(99);
    expect(second.texts).toEqual(first.texts);
    expect(tiny.evaluated()).toBe(1 + 3);
  });

  it("is read by one of those that wait, when the one they wait for goes", async () => {
    const tiny = await tinyScheduler({ prefillChunkTokens: 64 });
    const prompt = tokens(600);
    const [first, ...others] = [1, 2, 3].map((end) => tiny.ask([...prompt, ...tokens(4, end)]));
    await first!.until("reading");
    tiny.scheduler.cancel(first!.id);
    const found = await outcomes(others);
    const [longest = 0, shortest = 0] = found.map(({ stats }) => stats.cachedTokens).toSorted((one, other) => other - one);
    expect(longest).toBe(600);
    // What the first had read is not lost.
    expect(shortest).toBeGreaterThan(0);
    expect(shortest).toBeLessThan(600);
  });

  it("is waited for no longer than allowed", async () => {
    const tiny = await tinyScheduler({ cache: { waitMs: 0 } });
    const found = await outcomes([1, 2].map((end) => tiny.ask([...tokens(300), ...tokens(4, end)])));
    expect(found.map(({ stats }) => stats.cachedTokens)).toEqual([0, 0]);
  });

  it("is read by one who has waited long enough, from where it is by then", async () => {
    const tiny = await tinyScheduler({ prefillChunkTokens: 32, cache: { waitMs: 1 } });
    const found = await outcomes([1, 2].map((end) => tiny.ask([...tokens(900), ...tokens(4, end)])));
    const [first, second] = found.map(({ stats }) => stats.cachedTokens);
    expect(first).toBe(0);
    expect(second).toBeLessThan(900);
  });

  it("is read by one of those that wait, when the one they wait for fails", async () => {
    const tiny = await tinyScheduler({ prefillChunkTokens: 32 });
    const evaluate = vi.spyOn(tiny.loaded.sequences[0]!, "evaluateWithoutGeneratingNewTokens");
    const failing = tiny.ask([...tokens(300), 50]);
    await failing.until("reading");
    evaluate.mockRejectedValueOnce(new Error("the cache is full"));
    const others = [1, 2].map((end) => tiny.ask([...tokens(300), ...tokens(4, end)]));
    await expect(failing.outcome).rejects.toThrow("the cache is full");
    const cached = (await outcomes(others)).map(({ stats }) => stats.cachedTokens);
    expect(cached).toEqual([0, 300]);
    evaluate.mockRestore();
  });

  it("keeps no one waiting for a reader who pauses", async () => {
    const tiny = await tinyScheduler({ prefillChunkTokens: 8 });
    const first = tiny.ask([...tokens(600), 50]);
    await first.until("reading");
    tiny.scheduler.pause(first.id, true);
    const { stats } = await tiny.ask([...tokens(600), 60]).outcome;
    expect(stats.cachedTokens).toBeLessThan(600);
    tiny.scheduler.cancel(first.id);
  });

  it("is read once for all choices of a request", async () => {
    const tiny = await tinyScheduler();
    const { texts, stats } = await tiny.ask(tokens(200), { seeds: [1, 2, 3] }).outcome;
    expect(stats).toMatchObject({ promptTokens: 200, cachedTokens: 0, completionTokens: 12 });
    expect(new Set(texts).size).toBe(1);
    expect(tiny.evaluated()).toBe(199 + 3 * 4);
  });
});

describe("the progress of a request with several choices", () => {
  it("ends with the whole prompt, whichever choice draws first", async () => {
    const tiny = await tinyScheduler();
    // The first choice begins in the last sequence, for it holds the most of the prompt; the others take their turn before it.
    await outcomes([...[1, 2, 3].map((from) => tiny.ask(tokens(80, from))), tiny.ask(tokens(80))]);
    const { progress } = await tiny.ask(tokens(200), { seeds: [1, 2, 3] }).outcome;
    expect([progress[0], progress.at(-1)]).toEqual([80, 200]);
  });
});

describe("a conversation", () => {
  it("reads in its next turn only what is new", async () => {
    const tiny = await tinyScheduler();
    const prompt = tokens(120);
    const { texts } = await tiny.ask(prompt, { maxTokens: 20 }).outcome;
    const answer = tiny.loaded.model.tokenize(texts[0] ?? "");
    const { stats } = await tiny.ask([...prompt, ...answer, ...tokens(30, 5)]).outcome;
    // The token drawn last was never evaluated; the text may be cut into other tokens than it was drawn in.
    expect(stats.cachedTokens).toBeGreaterThanOrEqual(120);
    expect(stats.cachedTokens).toBeLessThan(120 + 20);
  });

  it("is found again after others had its sequence", async () => {
    const tiny = await tinyScheduler({ sequences: 1 });
    await tiny.ask(tokens(150, 1)).outcome;
    await tiny.ask(tokens(150, 2), { tenant: "two" }).outcome;
    const { stats } = await tiny.ask([...tokens(150, 1), 77]).outcome;
    expect(stats.cachedTokens).toBe(150);
  });

  it("is forgotten where there is no room for states", async () => {
    const tiny = await tinyScheduler({ sequences: 1, cache: { memoryBytes: 0 } });
    await tiny.ask(tokens(150, 1)).outcome;
    await tiny.ask(tokens(150, 2)).outcome;
    const { stats } = await tiny.ask([...tokens(150, 1), 77]).outcome;
    expect(stats.cachedTokens).toBeLessThan(2);
    expect(tiny.troubles).toEqual([]);
  });
});

describe("a model whose states cannot be cut back", () => {
  it("starts only from states that end where they are of use, and writes the same", async () => {
    const model = { slidingWindow: 64 };
    const more = { topLogprobs: 0, maxTokens: 6, ignoreEos: true };
    const prompts = [1, 2, 3].map((end) => [...tokens(300), ...tokens(20, end)]);
    const alone = await tinyScheduler({ model, cache: { memoryBytes: 0 }, sequences: 1 });
    expect(alone.loaded.sequences[0]?.needsCheckpoints).toBe(true);
    const expected: (readonly number[])[] = [];
    for (const prompt of prompts) {
      const { stats, logprobs } = await alone.ask(prompt, more).outcome;
      expect(stats.cachedTokens).toBe(0);
      expected.push(logprobs);
    }
    const together = await tinyScheduler({ model });
    const found = await outcomes(prompts.map((prompt) => together.ask(prompt, more)));
    expect(found.map(({ stats }) => stats.cachedTokens)).toEqual([0, 300, 300]);
    // What a sequence holds beyond the beginning is of no use; the state that was made at its end is.
    const later = await together.ask(prompts[0]!, more).outcome;
    expect(later.stats.cachedTokens).toBe(300);
    expect(expected.map(({ length }) => length)).toEqual([6, 6, 6]);
    for (const [index, { logprobs }] of [...found, later].entries())
      for (const [at, logprob] of logprobs.entries()) expect(logprob).toBeCloseTo(expected[index % 3]![at]!, 3);
    expect(together.troubles).toEqual([]);
  });
});

describe("folders that cannot be used", () => {
  it("are told to the log, and requests are answered all the same", async () => {
    const none = join(await temporaryFolder(), "none");
    writeFileSync(none, "a file");
    const tiny = await tinyScheduler({ cache: { memoryFolder: join(none, "memory"), diskFolder: join(none, "disk") } });
    expect(tiny.troubles).toHaveLength(2);
    const found = await outcomes([1, 2].map((end) => tiny.ask([...tokens(100), end])));
    expect(found.map(({ stats }) => stats.cachedTokens)).toEqual([0, 0]);
  });
});
