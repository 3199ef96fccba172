import type { LlamaContextSequence } from "node-llama-cpp";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { engineAsk, loadTiny, plainPlan } from "../../testing/loaded-model.ts";
import { choiceOn } from "../answering/choice.ts";
import type { LoadedModel } from "../model.ts";
import { plainOutput } from "../output.ts";
import type { EngineRequest } from "../protocol/request.ts";

// A model is loaded, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const held = { ...plainPlan, grammarFields: ["response_format.grammar"], begin: () => ({ ...plainOutput(), grammar: "root ::= [a-z ]*" }) };
/** All ways to draw, mixed. */
const ways: readonly [Partial<EngineRequest>, typeof plainPlan][] = [
  [{}, plainPlan],
  [{ topLogprobs: 2 }, plainPlan],
  [{}, held],
  [{ topLogprobs: 2 }, held],
  [{ minTokens: 5 }, plainPlan],
  [{}, plainPlan],
];

describe("a tick of choices that are drawn in different ways", () => {
  let loaded: LoadedModel;
  beforeAll(async () => {
    loaded = await loadTiny({}, { sequences: 8 });
  });
  afterAll(() => loaded.dispose());

  it("is one full batch, from the end of their prompts on", async () => {
    // The same prompt, so that sequences evaluate the same tokens.
    const prompt = { ...loaded.makePrompt({ type: "text", text: "the thing and another" }), endTokens: new Set<never>(), endTexts: [] };
    const places: unknown[] = [];
    const sequences = loaded.sequences.map((sequence, place) => watched(sequence, (given) => places.push([place, given])));
    const choices = ways.map(([more, output], place) =>
      choiceOn(
        { sequence: sequences[place]!, loaded: { ...loaded, sequences }, cachedTokens: 0 },
        { request: engineAsk(more), prompt, output, index: 0 },
      ),
    );
    const written = choices.map(() => 0);
    for (let tick = 0; tick < 20; tick++) {
      loaded.batches.expect(choices.length);
      const reads = await Promise.all(choices.map((choice) => choice.step(tick === 0 ? 3 : prompt.tokens.length)));
      expect(loaded.batches.take()).toEqual([[choices.length, choices.length]]);
      for (const [place, { pieces }] of reads.entries()) written[place]! += pieces.length;
    }
    for (const choice of choices) await choice.close();
    expect(places.length).toBeGreaterThan(20);
    for (const [place, given] of places as [number, unknown][]) expect(given).toBe(place);
    expect(written.every((pieces) => pieces > 0)).toBe(true);
  });
});

/** A sequence that tells the priority of each evaluation on it. */
function watched(sequence: LlamaContextSequence, tell: (priority: unknown) => void): LlamaContextSequence {
  return new Proxy(sequence, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      return (...given: readonly unknown[]) => {
        if (/evaluate/i.test(String(name))) tell((given[1] as { evaluationPriority?: unknown } | undefined)?.evaluationPriority);
        return member.apply(target, given) as unknown;
      };
    },
  });
}
