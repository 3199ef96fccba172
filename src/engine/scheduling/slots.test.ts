import type { LlamaContextSequence, Token } from "node-llama-cpp";
import { describe, expect, it } from "vitest";
import type { Prompt } from "../prompt.ts";
import { chooseSlot, type Slot, type Taken } from "./slots.ts";

const job = (tokens: readonly number[] = [1, 2, 3], tenant = "one") => ({ tenant, prompt: { tokens } as unknown as Prompt });

/** Slots by a letter each: `x` is at work, `b` broken, `-` free and never used, a digit free and used in this order. */
function slots(letters: string, tokens: Readonly<Record<string, readonly number[]>> = {}): Slot[] {
  return letters.split("").map((letter, id) => ({
    id,
    sequence: {} as LlamaContextSequence,
    isBroken: letter === "b",
    taken: letter === "x" ? ({} as Taken) : undefined,
    left: /\d/.test(letter)
      ? { tenant: "one", tokens: (tokens[letter] ?? []) as Token[], promptTokens: 0, order: Number(letter) }
      : undefined,
  }));
}

describe("the slot that a job gets", () => {
  it("fills holes among those at work first, the lowest first", () => {
    expect(chooseSlot(slots("-x-x-x-"), job())?.id).toBe(2);
    expect(chooseSlot(slots("-xxx-x-"), job())?.id).toBe(4);
  });

  it("is else next to those at work, so that their ids rise by one", () => {
    expect(chooseSlot(slots("---xx---"), job())?.id).toBe(2);
    expect(chooseSlot(slots("xx---"), job())?.id).toBe(2);
    expect(chooseSlot(slots("---xx"), job())?.id).toBe(2);
    expect(chooseSlot(slots("--bxx-"), job())?.id).toBe(5);
  });

  it("is that which holds the most of its prompt where this makes no hole", () => {
    const held = { 1: [1, 2, 9], 2: [1, 2, 3], 3: [9] };
    expect(chooseSlot(slots("3-12", held), job())?.id).toBe(3);
    expect(chooseSlot(slots("3-12", held), job([1, 2, 3], "two"))?.id).toBe(1);
    expect(chooseSlot(slots("1x2-", held), job())?.id).toBe(2);
    expect(chooseSlot(slots("x-2", held), job())?.id).toBe(1);
  });

  it("is else that which nobody has used for the longest time", () => {
    expect(chooseSlot(slots("3142"), job())?.id).toBe(1);
    expect(chooseSlot(slots("314-"), job())?.id).toBe(3);
  });

  it("is none where all are taken or broken", () => {
    expect(chooseSlot(slots("xbx"), job())).toBeUndefined();
  });
});
