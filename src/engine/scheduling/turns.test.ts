import { describe, expect, it } from "vitest";
import type { TickPlan } from "./prefill-budget.ts";
import { PrefillShare } from "./prefill-share.ts";
import type { Slot } from "./slots.ts";
import { areAllGenerating, takeTurns } from "./turns.ts";

/** A slot whose choice generates, or has so much of its prompt to read. */
function slot(id: number, left: number | "generating", { isPaused = false } = {}): Slot {
  const choice = { isGenerating: left === "generating", promptTokensLeft: left === "generating" ? 0 : left };
  const job = { isPaused, isOver: false, priority: "interactive", prompt: { tokens: Array.from({ length: 1000 }) } };
  return { id, taken: { job, choice, isEnded: false, clock: 0 } } as unknown as Slot;
}

/** The turns of a tick that may read so much, and what it was told of it. */
function turnsOf(
  slots: readonly Slot[],
  budget: number,
): { readonly asked: TickPlan[]; readonly turns: readonly (readonly [number, number])[] } {
  const asked: TickPlan[] = [];
  const turns = takeTurns(slots, new PrefillShare(), (tick) => {
    asked.push(tick);
    return budget;
  });
  const places = new Map(slots.map(({ id, taken }) => [taken, id]));
  return { asked, turns: turns.map(({ taken, promptTokens }) => [places.get(taken)!, promptTokens]) };
}

describe("the turns of a tick", () => {
  it("are of all who generate and of those who read, whose budget goes by how many they are and what is left to them", () => {
    const slots = [slot(0, "generating"), slot(1, 40), slot(2, "generating"), slot(3, 30), { id: 4 } as Slot];
    const { asked, turns } = turnsOf(slots, 20);
    expect(asked).toEqual([{ generating: 2, reading: 2, left: 70 }]);
    expect(turns).toEqual([
      [0, 0],
      [1, 10],
      [2, 0],
      [3, 10],
    ]);
  });

  it("leave out who is paused, and who gets nothing to read", () => {
    const { asked, turns } = turnsOf([slot(0, 40, { isPaused: true }), slot(1, 40), slot(2, 40), slot(3, "generating")], 1);
    expect(asked).toEqual([{ generating: 1, reading: 2, left: 80 }]);
    expect(turns).toEqual([
      [1, 1],
      [3, 0],
    ]);
  });

  it("ask for no budget where nobody reads", () => {
    expect(turnsOf([slot(0, "generating")], 100)).toEqual({ asked: [], turns: [[0, 0]] });
  });

  it("are all that there is to do where everybody who has a slot generates, and no others are", () => {
    const one = slot(0, "generating");
    const turns = takeTurns([one], new PrefillShare(), () => 0);
    expect(areAllGenerating([one, { id: 1 } as Slot], turns)).toBe(true);
    expect(areAllGenerating([one, slot(1, "generating")], turns)).toBe(false);
    const reading = [one, slot(1, 40)];
    expect(
      areAllGenerating(
        reading,
        takeTurns(reading, new PrefillShare(), () => 40),
      ),
    ).toBe(false);
    expect(areAllGenerating([], [])).toBe(false);
  });

  it("go on without those who are paused", () => {
    const slots = [slot(0, "generating"), slot(1, "generating", { isPaused: true })];
    expect(
      areAllGenerating(
        slots,
        takeTurns(slots, new PrefillShare(), () => 0),
      ),
    ).toBe(true);
  });
});
