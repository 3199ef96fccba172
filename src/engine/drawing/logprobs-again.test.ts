import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { drawnText, drawTokens, engineAsk, loadTiny, plainPlan } from "../../testing/loaded-model.ts";
import { tinyScheduler } from "../../testing/tiny-scheduler.ts";
import type { LoadedModel } from "../model.ts";

// A model is loaded, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

describe("logprobs under a grammar", () => {
  let loaded: LoadedModel;
  beforeAll(async () => {
    loaded = await loadTiny({ ends: "sometimes" });
  });
  afterAll(() => loaded.dispose());
  const held = { ...plainPlan, grammarFields: ["response_format.grammar"] };
  const draw = (gbnf: string | undefined, topLogprobs: number | undefined, seed = 1) => {
    const request = engineAsk({ sampling: { temperature: 1 }, seeds: [seed], ...(topLogprobs !== undefined && { topLogprobs }) });
    return drawTokens({
      loaded,
      prompt: "the thing",
      request,
      tokens: 20,
      output: gbnf === undefined ? plainPlan : held,
      before: () => gbnf,
    });
  };

  it("are told of the same text, which keeps to the grammar", async () => {
    const gbnf = 'root ::= [0-9]{2} "-" [a-c]+ "."';
    for (const seed of [1, 2, 3]) {
      const told = await draw(gbnf, 2, seed);
      expect(drawnText(loaded, told)).toMatch(/^[0-9]{2}-[abc]+(\.|$)/);
      expect(drawnText(loaded, told)).toBe(drawnText(loaded, await draw(gbnf, undefined, seed)));
      expect(told.every(({ logprob }) => logprob?.top.length === 2)).toBe(true);
    }
  });

  it("are the model's own, as without a grammar", async () => {
    const free = await draw(undefined, 20);
    const told = await draw("root ::= [^\\x00]*", 20);
    expect(drawnText(loaded, told)).toBe(drawnText(loaded, free));
    for (const [index, { logprob }] of told.entries()) {
      expect(logprob?.token).toBe(free[index]?.logprob?.token);
      // A token that is evaluated alone rounds otherwise than with a prompt.
      expect(Math.abs(logprob!.logprob - free[index]!.logprob!.logprob)).toBeLessThan(2e-3);
    }
  });

  it("leave the sequence as it is without them", async () => {
    const [sequence] = loaded.sequences;
    const lengths: number[] = [];
    const request = engineAsk({ topLogprobs: 0 });
    const before = () => {
      lengths.push(sequence!.nextTokenIndex);
      return "root ::= [a-z]*";
    };
    await drawTokens({ loaded, prompt: "ab", request, tokens: 3, output: held, before });
    expect(lengths).toEqual([0, 2, 2, 3, 3, 4]);
  });

  it("leave the batches of others full, and tell once that the prompt is read", async () => {
    const tiny = await tinyScheduler({ sequences: 4 });
    const prompt = Array.from({ length: 12 }, (_, index) => 60 + index);
    const told = { format: { type: "grammar", gbnf: "root ::= [a-z ]*" }, topLogprobs: 1, maxTokens: 10, includeProgress: true } as const;
    const asked = [tiny.ask(prompt, told), tiny.ask(prompt.toReversed(), { maxTokens: 20 }), tiny.ask([70, 71, 72], { maxTokens: 20 })];
    const [outcome] = await Promise.all(asked.map((each) => each.outcome));
    expect(outcome?.logprobs).toHaveLength(10);
    expect(outcome?.stats.completionTokens).toBe(10);
    expect(new Set(outcome?.progress).size).toBe(outcome?.progress.length);
    for (const [busy, active] of tiny.decodes()) expect(busy).toBeGreaterThanOrEqual(active);
    // Two turns for each of its tokens, in which the others draw one each.
    expect(tiny.decodes().filter(([, active]) => active === 3).length).toBeGreaterThan(15);
  });
});
