import { describe, expect, it } from "vitest";
import { prefillBudget, type PrefillBudget } from "./prefill-budget.ts";

const target = { interTokenMs: 100, mostTokens: 512, batchTokens: 512 };

/** A machine that takes so long for a step, a chunk and each of its tokens; answers with the chunks it was given. */
function run(
  budget: PrefillBudget,
  machine: { generating: number; stepMs: number; chunkMs: number; tokenMs: number; ticks: number },
): number[] {
  const { generating, stepMs, chunkMs, tokenMs, ticks } = machine;
  if (generating > 0) budget.measured({ ms: stepMs, promptTokens: 0, generating });
  return Array.from({ length: ticks }, () => {
    const promptTokens = budget.tokens({ generating, reading: 1 });
    budget.measured({ ms: (generating > 0 ? stepMs : 0) + chunkMs + promptTokens * tokenMs, promptTokens, generating });
    return promptTokens;
  });
}

describe("how much of prompts a tick reads", () => {
  it("keeps the time between two tokens of running streams, and uses most of it", () => {
    const machine = { generating: 4, stepMs: 20, chunkMs: 10, tokenMs: 2, ticks: 30 };
    const chunks = run(prefillBudget(target), machine);
    for (const chunk of chunks) expect(20 + 10 + chunk * 2).toBeLessThanOrEqual(100);
    expect(chunks.at(-1)).toBeGreaterThanOrEqual(20);
  });

  it("begins small beside streams, and at most doubles", () => {
    const chunks = run(prefillBudget(target), { generating: 1, stepMs: 1, chunkMs: 0, tokenMs: 0.01, ticks: 6 });
    expect(chunks).toEqual([16, 32, 64, 128, 256, 511]);
  });

  it("shrinks when the machine slows down", () => {
    const budget = prefillBudget(target);
    run(budget, { generating: 1, stepMs: 5, chunkMs: 0, tokenMs: 0.5, ticks: 10 });
    const chunks = run(budget, { generating: 1, stepMs: 5, chunkMs: 0, tokenMs: 2, ticks: 10 });
    expect(5 + chunks.at(-1)! * 2).toBeLessThanOrEqual(100);
  });

  it("lets prompts go on when a step alone takes too long", () => {
    const chunks = run(prefillBudget(target), { generating: 8, stepMs: 500, chunkMs: 10, tokenMs: 20, ticks: 10 });
    expect(chunks.at(-1)).toBe(8);
  });

  it("leaves out the time that is gone already", () => {
    const budget = prefillBudget(target);
    run(budget, { generating: 1, stepMs: 10, chunkMs: 0, tokenMs: 1, ticks: 10 });
    const beside = { generating: 1, reading: 1 };
    expect(budget.tokens({ ...beside, spentMs: 50 })).toBeLessThan(budget.tokens(beside) / 2);
  });

  it("is the larger the more prompts share it, up to a bound", () => {
    const chunks = [1, 2, 4, 100].map((reading) => {
      const budget = prefillBudget({ ...target, mostTokens: 10_000, batchTokens: 10_000 });
      run(budget, { generating: 0, stepMs: 10, chunkMs: 0, tokenMs: 1, ticks: 10 });
      budget.measured({ ms: 1000, promptTokens: 1000, generating: 0 });
      return budget.tokens({ generating: 0, reading });
    });
    expect(chunks).toEqual([128, 256, 256, 512]);
  });

  it("does not shrink since prompts are short, and have rests that are shorter", () => {
    const budget = prefillBudget(target);
    run(budget, { generating: 0, stepMs: 0, chunkMs: 8, tokenMs: 0.5, ticks: 10 });
    const [chunk, readMs] = [budget.tokens({ generating: 0, reading: 1 }), budget.readMs(64)];
    for (const left of [1, 1, 1, 60, 4, 1, 1, 1, 1, 1, 2]) {
      budget.tokens({ generating: 0, reading: 1, left });
      budget.measured({ ms: 8 + left / 2, promptTokens: left, generating: 0 });
    }
    expect(budget.tokens({ generating: 0, reading: 1 })).toBe(chunk);
    expect(budget.readMs(64)).toBe(readMs);
  });

  it("does not shrink by prompts of which each is a little shorter", () => {
    const budget = prefillBudget(target);
    run(budget, { generating: 0, stepMs: 0, chunkMs: 0, tokenMs: 0.1, ticks: 6 });
    for (const left of [300, 160, 90, 50]) {
      budget.tokens({ generating: 0, reading: 1, left });
      budget.measured({ ms: left / 10, promptTokens: left, generating: 0 });
    }
    expect(budget.tokens({ generating: 0, reading: 1 })).toBe(512);
  });

  it("does not shrink beside streams since prompts are short", () => {
    const budget = prefillBudget(target);
    run(budget, { generating: 1, stepMs: 10, chunkMs: 0, tokenMs: 1, ticks: 10 });
    const chunk = budget.tokens({ generating: 1, reading: 1 });
    for (const left of [4, 2, 1, 4, 1]) {
      budget.tokens({ generating: 1, reading: 1, left });
      budget.measured({ ms: 25, promptTokens: left, generating: 1 });
    }
    expect(budget.tokens({ generating: 1, reading: 1 })).toBe(chunk);
  });

  it("is large enough while nobody generates that what every decode costs is a part of it, and no more", () => {
    for (const isStepKnown of [true, false]) {
      const budget = prefillBudget(target);
      if (isStepKnown) budget.measured({ ms: 300, promptTokens: 0, generating: 1 });
      const chunks = run(budget, { generating: 0, stepMs: 0, chunkMs: 300, tokenMs: 3, ticks: 12 });
      expect(Math.min(...chunks)).toBeGreaterThanOrEqual(isStepKnown ? 64 : 32);
      expect(chunks.at(-1)).toBe(isStepKnown ? 128 : 32);
    }
  });

  it("cuts a prompt alike though the machine is a little faster or slower", () => {
    const cut = (tokenMs: number) => run(prefillBudget(target), { generating: 0, stepMs: 0, chunkMs: 0, tokenMs, ticks: 8 });
    expect(cut(1.8)).toEqual(cut(2.6));
    expect(new Set(cut(1.8))).toEqual(new Set([64]));
  });

  it("takes a small rest with it, unless somebody waits for a token or it is more than is allowed", () => {
    const rest = (left: number, generating = 0) => prefillBudget(target).tokens({ generating, reading: 1, left });
    expect([rest(80), rest(81), rest(20, 1)]).toEqual([80, 64, 16]);
    expect(prefillBudget({ ...target, mostTokens: 64 }).tokens({ generating: 0, reading: 1, left: 70 })).toBe(64);
  });

  it("says how long prompts take to read, once it knows", () => {
    const budget = prefillBudget(target);
    expect(budget.readMs(100)).toBe(0);
    run(budget, { generating: 0, stepMs: 0, chunkMs: 0, tokenMs: 2, ticks: 10 });
    expect(budget.readMs(100)).toBeCloseTo(200);
  });

  it("is larger while nobody generates, and never more than a batch or what is allowed", () => {
    const slow = { stepMs: 10, chunkMs: 0, tokenMs: 1, ticks: 10 };
    const alone = run(prefillBudget(target), { ...slow, generating: 0 });
    expect(alone.at(-1)).toBe(128);
    expect(run(prefillBudget(target), { ...slow, tokenMs: 0.01, generating: 0 }).at(-1)).toBe(512);
    expect(run(prefillBudget({ ...target, mostTokens: 16 }), { ...slow, tokenMs: 0.01, generating: 0 })).toEqual(
      Array.from({ length: 10 }, () => 16),
    );
    expect(run(prefillBudget(target), { ...slow, tokenMs: 0.01, generating: 12 }).at(-1)).toBe(500);
  });

  it("tells how long a tick takes that reads nothing", () => {
    const budget = prefillBudget(target);
    expect(budget.stepMs).toBe(0);
    budget.measured({ ms: 20, promptTokens: 0, generating: 1 });
    budget.measured({ ms: 500, promptTokens: 64, generating: 1 });
    expect(budget.stepMs).toBe(20);
  });
});
