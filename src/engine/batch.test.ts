import type { BatchItem, Token } from "node-llama-cpp";
import { describe, expect, it } from "vitest";
import { batches } from "./batch.ts";

function item(...tokens: number[]): BatchItem {
  return { tokens: tokens as Token[], logits: [], evaluationPriority: 3 };
}

describe("the batches of a tick", () => {
  it("are in the order of the sequences, however their evaluations arrive", () => {
    const counted = batches();
    const [generating, reading, last] = [item(7), item(1, 2, 3), item(9)];
    counted.expect([generating.tokens, reading.tokens, last.tokens], 2);
    const order = counted.strategy({ items: [generating, last, reading], size: 16 });
    expect(order).toEqual([
      { item: generating, processAmount: 1 },
      { item: reading, processAmount: 3 },
      { item: last, processAmount: 1 },
    ]);
  });

  it("leave nobody out whose tokens were not announced", () => {
    expect(batches().strategy({ items: [item(1), item(2)], size: 16 })).toHaveLength(2);
  });

  it("keep to the size, and count who takes part and who generates", () => {
    const counted = batches();
    counted.expect([[1, 2, 3], [4]], 1);
    expect(counted.strategy({ items: [item(1, 2, 3), item(4)], size: 2 })).toMatchObject([{ processAmount: 2 }]);
    expect(counted.take()).toEqual([[1, 1]]);
    expect(counted.take()).toEqual([]);
  });
});
