import type { BatchItem, LlamaContextSequence, Token } from "node-llama-cpp";
import { describe, expect, it } from "vitest";
import { batches, placeOf } from "./batch.ts";

const sequences = Array.from({ length: 3 }, () => ({}) as LlamaContextSequence);

function item(place: number, ...tokens: number[]): BatchItem {
  return { tokens: tokens as Token[], logits: [], evaluationPriority: placeOf(sequences[place]!, sequences) };
}

describe("the batches of a tick", () => {
  it("are in the order of the sequences, however their evaluations arrive", () => {
    const counted = batches();
    // Two of them evaluate the same token.
    const [generating, reading, last] = [item(0, 7), item(1, 1, 2, 3), item(2, 7)];
    const order = counted.strategy({ items: [last, generating, reading], size: 16 });
    expect(order).toEqual([
      { item: generating, processAmount: 1 },
      { item: reading, processAmount: 3 },
      { item: last, processAmount: 1 },
    ]);
  });

  it("keep to the size, and count who takes part and who generates", () => {
    const counted = batches();
    counted.expect(1);
    expect(counted.strategy({ items: [item(0, 1, 2, 3), item(1, 4)], size: 2 })).toMatchObject([{ processAmount: 2 }]);
    expect(counted.take()).toEqual([[1, 1]]);
    expect(counted.take()).toEqual([]);
  });

  it("tell once when a tick's first decode begins", () => {
    const counted = batches();
    let begun = 0;
    const decode = () => counted.strategy({ items: [item(0, 1)], size: 2 });
    counted.expect(1, () => void begun++);
    expect(begun).toBe(0);
    decode();
    decode();
    expect(begun).toBe(1);
    counted.expect(1);
    decode();
    expect(begun).toBe(1);
  });
});
