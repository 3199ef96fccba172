import { describe, expect, it } from "vitest";
import type { ModelFile } from "../../core/ports.ts";
import { defaultLimits } from "../../core/limits.ts";
import type { LoadChoices } from "../../core/load-choices.ts";
import { fieldOf, reasonOf } from "../../core/reasons.ts";
import { failureOf } from "../../testing/collect-events.ts";
import type { EngineLoad } from "../../engine/protocol/load.ts";
import { engineLoad } from "./load-options.ts";
import { besideChatLoad, libuvThreads, purposefulLoad } from "./vector-load.ts";

const file: ModelFile = {
  ...{ id: "m", aliases: [], path: "/m.gguf", sizeBytes: 1, modifiedMs: 0, title: "", licence: "", sha256: "" },
  ...{ architecture: "bert", trainedContextLength: 512, purpose: "embed", problem: "" },
};

function loadOf(choices: LoadChoices, more: Partial<ModelFile> = {}) {
  return purposefulLoad({ ...file, ...more }, engineLoad(choices, { modelPath: "/m.gguf", gpu: "none", limits: defaultLimits }), choices);
}

function besideLoadOf(choices: LoadChoices, loraAdapters: EngineLoad["loraAdapters"] = []) {
  const chats: ModelFile = { ...file, purpose: "chat", trainedContextLength: 32_768 };
  return besideChatLoad(chats, engineLoad(choices, { modelPath: "/m.gguf", gpu: "none", limits: defaultLimits, loraAdapters }));
}

describe("the load of a model that makes vectors", () => {
  it("has a context for each thread, up to eight, and as many threads of libuv", () => {
    expect(loadOf({ threads: 2 })).toMatchObject({ purpose: "embed", sequences: 2 });
    expect(libuvThreads(loadOf({ threads: 2 }))).toBe(2);
    expect(loadOf({ threads: 64 }).sequences).toBe(8);
    expect(loadOf({ threads: 64, sequences: 20 }).sequences).toBe(20);
  });

  it("has room for a whole input in one decode: what the model was trained for, 2048 tokens, or what is asked for", () => {
    expect(loadOf({})).toMatchObject({ contextLength: 512, batchTokens: 520 });
    expect(loadOf({}, { trainedContextLength: 32_768 })).toMatchObject({ contextLength: 2048 });
    expect(loadOf({ contextLength: 8192 }, { trainedContextLength: 32_768 })).toMatchObject({ contextLength: 8192, batchTokens: 8200 });
    expect(loadOf({ contextLength: 8192 })).toMatchObject({ contextLength: 512 });
  });

  it.each<[string, LoadChoices]>([
    ["batch_tokens", { batchTokens: 64 }],
    ["kv_type", { kvType: "q8_0" }],
    ["flash_attention", { flashAttention: false }],
    ["lora_adapters", { loraAdapters: ["a"] }],
    ["chat_template", { chatTemplate: "x" }],
  ])("has no %s", async (field, choices) => {
    const error = await failureOf((async () => loadOf(choices))());
    expect([reasonOf(error), fieldOf(error)]).toEqual(["unsupported_field", `options.${field}`]);
    expect(() => loadOf(choices, { purpose: "chat" })).not.toThrow();
  });
});

describe("the load of a model that chats", () => {
  it("is as it was, with one thread of libuv", () => {
    const load = loadOf({ sequences: 4 }, { purpose: "chat" });
    expect([load.purpose, load.sequences, libuvThreads(load)]).toEqual([undefined, 4, 1]);
  });

  it("is for vectors one context for at most 2048 tokens, with nothing of what only chats have", () => {
    const load = besideLoadOf({ sequences: 4, contextLength: 8192, kvType: "q8_0", flashAttention: true, chatTemplate: "x", threads: 2 });
    expect(load).toMatchObject({ purpose: "embed", givesWay: true, contextLength: 2048, sequences: 1, batchTokens: 2056, threads: 2 });
    expect(Object.keys(load)).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/kvType|flashAttention|chatTemplate|prefixCache/)]),
    );
    expect(besideLoadOf({ contextLength: 256 }).contextLength).toBe(256);
  });

  it("makes no vectors with adapters, which they would not have", async () => {
    const error = await failureOf((async () => besideLoadOf({}, [{ path: "/a.gguf", scale: 1, stamp: "" }]))());
    expect([reasonOf(error), error.rawMessage]).toEqual(["model_state", expect.stringContaining("LoRA adapters")]);
  });
});
