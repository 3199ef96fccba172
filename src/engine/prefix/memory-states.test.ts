import { readdirSync, writeFileSync } from "node:fs";
import type { LlamaContextSequence } from "node-llama-cpp";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../../testing/temporary-folder.ts";
import { MemoryStates, type Content } from "./memory-states.ts";

/** A sequence whose state takes ten bytes a token. */
const sequence = (tokens: number) =>
  ({ saveStateToFile: async (path: string) => writeFileSync(path, Buffer.alloc(tokens * 10)) }) as unknown as LlamaContextSequence;

const content = (tokens: readonly number[], more: Partial<Content> = {}): Content => ({
  tenant: "one",
  tokens: Uint32Array.from(tokens),
  promptTokens: tokens.length,
  isShared: false,
  ...more,
});

const save = (states: MemoryStates, tokens: readonly number[], more: Partial<Content> = {}) =>
  states.save(sequence(tokens.length), content(tokens, more));
const kept = (states: MemoryStates, tenant = "one") => [...states.matches(tenant, [])].map(({ state }) => [...state.tokens]);

describe("states in memory", () => {
  it("take no more bytes than they may; the least recently used go first", async () => {
    const states = new MemoryStates({ folder: await temporaryFolder(), mostBytes: 65, bytesPerToken: 0 });
    const first = await save(states, [1, 1]);
    await save(states, [2, 2]);
    states.touch(first!);
    await save(states, [3, 3]);
    expect(states.bytes).toBe(60);
    await save(states, [4, 4]);
    expect(kept(states)).toEqual([
      [1, 1],
      [3, 3],
      [4, 4],
    ]);
    expect(states.bytes).toBe(60);
    states.close();
    expect(states.bytes).toBe(0);
  });

  it("leave out what is too large by itself, and lose nothing for it", async () => {
    const states = new MemoryStates({ folder: await temporaryFolder(), mostBytes: 50, bytesPerToken: 0 });
    await save(states, [1, 2]);
    expect(states.hasRoomFor(6)).toBe(false);
    expect(await save(states, [1, 2, 3, 4, 5, 6])).toBeUndefined();
    expect(kept(states)).toEqual([[1, 2]]);
    states.close();
  });

  it("leave the first out, too, where what it may take is too much", async () => {
    const states = new MemoryStates({ folder: await temporaryFolder(), mostBytes: 50, bytesPerToken: 20 });
    expect(await save(states, [1, 2, 3])).toBeUndefined();
    expect(await save(states, [1, 2])).toBeDefined();
    expect(await save(states, [1, 2, 3])).toBeDefined();
    states.close();
  });

  it("are never another tenant's", async () => {
    const states = new MemoryStates({ folder: await temporaryFolder(), mostBytes: 1000, bytesPerToken: 0 });
    await save(states, [1, 2]);
    expect(kept(states, "two")).toEqual([]);
    states.close();
  });

  it("give up an earlier turn of a conversation, and keep what several begin with", async () => {
    const states = new MemoryStates({ folder: await temporaryFolder(), mostBytes: 1000, bytesPerToken: 0 });
    await save(states, [1, 2], { isShared: true });
    await save(states, [1, 2, 3]);
    await save(states, [1, 2, 3, 4]);
    expect(kept(states)).toEqual([
      [1, 2],
      [1, 2, 3, 4],
    ]);
    states.close();
  });

  it("leave nothing behind, also while they are there", async () => {
    const folder = await temporaryFolder();
    const states = new MemoryStates({ folder, mostBytes: 1000, bytesPerToken: 0 });
    await save(states, [1, 2]);
    await expect(
      states.save({ saveStateToFile: () => Promise.reject(new Error("full")) } as unknown as LlamaContextSequence, content([7])),
    ).rejects.toThrow("full");
    expect(kept(states)).toEqual([[1, 2]]);
    states.close();
    expect(readdirSync(folder)).toEqual([]);
  });
});
