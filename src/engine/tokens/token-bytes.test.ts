import type { LlamaModel, Token } from "node-llama-cpp";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { loadFile, loadTiny } from "../../testing/loaded-model.ts";
import { describeWithRealModel } from "../../testing/real-model.ts";
import type { LoadedModel } from "../model.ts";
import { tokenBytes } from "./token-bytes.ts";

// A model is loaded, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const text = "naïve café 你好 🙂 the thing\n\t<x>";

describe("the bytes of tokens", () => {
  let loaded: LoadedModel;
  beforeAll(async () => {
    loaded = await loadTiny();
  });
  afterAll(() => loaded.dispose());

  it("make up any text, also where a character is spread over several", () => {
    const tokens = loaded.model.tokenize(text);
    expect(Buffer.concat(tokens.map((token) => tokenBytes(loaded.model, token))).toString()).toBe(text);
    expect(tokens.some((token) => tokenBytes(loaded.model, token).toString().includes("\uFFFD"))).toBe(true);
  });

  it("are the name of a special token", () => {
    const [begin] = loaded.model.tokenize("<|im_start|>", true);
    expect(tokenBytes(loaded.model, begin!).toString()).toBe("<|im_start|>");
  });

  it("are read from vocabularies that write a space as a low line and bytes by their number", () => {
    const ggml = { model: "llama", tokens: ["<unk>", "<s>", "<0xE2>", "\u2581the", "\u2581", "x"], token_type: [2, 3, 6, 1, 1, 1] };
    const model = { fileInfo: { metadata: { tokenizer: { ggml } } } } as unknown as LlamaModel;
    const all = ggml.tokens.map((_, token) => tokenBytes(model, token as Token).toString("latin1"));
    expect(all).toEqual(["<unk>", "<s>", "\u00e2", " the", " ", "x"]);
  });

  it("are asked of the library for other vocabularies", () => {
    const ggml = { model: "bert", tokens: ["a"], token_type: [1] };
    const model = { fileInfo: { metadata: { tokenizer: { ggml } } }, detokenize: () => "ä" } as unknown as LlamaModel;
    expect(tokenBytes(model, 0 as Token).toString()).toBe("ä");
  });
});

await describeWithRealModel("the bytes of a real model's tokens", (path) => {
  it("are the text of each that is whole characters", async () => {
    const loaded = await loadFile(path);
    const { model } = loaded;
    const others = [...model.iterateAllTokens()].filter((token) => {
      const own = tokenBytes(model, token).toString();
      return !own.includes("\uFFFD") && own !== model.detokenize([token], true);
    });
    await loaded.dispose();
    expect(others).toEqual([]);
  });
});
