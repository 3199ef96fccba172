import type { Token } from "node-llama-cpp";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { loadTiny } from "../../testing/loaded-model.ts";
import type { LoadedModel } from "../model.ts";
import { breakersOf } from "./breakers.ts";

// A model is loaded, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

describe("breakers of a repetition", () => {
  let loaded: LoadedModel;
  beforeAll(async () => {
    loaded = await loadTiny();
  });
  afterAll(() => loaded.dispose());
  const token = (text: string) => loaded.model.tokenize(text)[0]!;
  const named = (...texts: string[]) =>
    Object.fromEntries([...breakersOf(loaded.model, texts)].map(([id, rests]) => [loaded.model.detokenize([id as Token], true), rests]));

  it("are all tokens with the text in them", () => {
    expect(named("he")).toEqual({ the: [[]], " the": [[]], h: [[token("e")]], th: [[token("e")]] });
    expect(named("\n")).toEqual({ "\n": [[]] });
  });

  it("are tokens that end with its beginning, when the rest follows", () => {
    expect(named("nd!")).toEqual({
      n: [loaded.model.tokenize("d!")],
      in: [loaded.model.tokenize("d!")],
      an: [loaded.model.tokenize("d!")],
      en: [loaded.model.tokenize("d!")],
      on: [loaded.model.tokenize("d!")],
      and: [[token("!")]],
    });
  });

  it("add up, and none are empty", () => {
    expect(Object.keys(named("\n", "", ":"))).toEqual(expect.arrayContaining(["\n", ":"]));
    expect(breakersOf(loaded.model, [""]).size).toBe(0);
    // Asked again they are known.
    expect(named("\n", ":")).toEqual(named(":", "\n"));
  });
});
