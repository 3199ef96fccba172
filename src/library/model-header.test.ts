import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../testing/temporary-folder.ts";
import { ggufBytes, type MetadataValue } from "../testing/tiny-gguf-format.ts";
import { readMetadata, readModelHeader } from "./model-header.ts";

const whole: Readonly<Record<string, MetadataValue>> = {
  "general.architecture": { string: "llama" },
  "llama.context_length": { uint32: 64 },
  "llama.embedding_length": { uint32: 64 },
  "llama.block_count": { uint32: 1 },
  "tokenizer.ggml.model": { string: "gpt2" },
};
const tensor = { name: "a", shape: [1], values: new Float32Array(1) };

async function problemOf(more: Readonly<Record<string, MetadataValue>>, tensors = [tensor]): Promise<string> {
  const path = join(await temporaryFolder(), "model.gguf");
  await writeFile(path, ggufBytes({ ...whole, ...more }, tensors));
  return (await readModelHeader(path)).problem;
}

describe("what a model's header must say", () => {
  it("is enough when it says how large the model is, and names its tokenizer", async () => {
    expect(await problemOf({})).toBe("");
  });

  it.each<[string, Record<string, MetadataValue>, string]>([
    ["no context length", { "llama.context_length": { uint32: 0 } }, "its header has no valid context_length"],
    ["a negative width", { "llama.embedding_length": { uint32: 2 ** 32 - 1 } }, "its header has no valid embedding_length"],
    ["a half layer", { "llama.block_count": { float32: 1.5 } }, "its header has no valid block_count"],
    ["no tokenizer", { "tokenizer.ggml.model": { string: "" } }, "its header names no tokenizer"],
    ["no architecture", { "general.architecture": { uint32: 7 } }, "its header names no architecture"],
  ])("is not enough with %s", async (_, more, problem) => {
    expect(await problemOf(more)).toBe(`${problem}: pull or convert the model again`);
  });

  it("is told with how large the weights are and how they are stored", async () => {
    const path = join(await temporaryFolder(), "model.gguf");
    const tensors = [tensor, { name: "b", shape: [3, 5], values: new Float32Array(15) }];
    await writeFile(path, ggufBytes({ ...whole, "general.file_type": { uint32: 15 } }, tensors));
    expect(await readModelHeader(path)).toMatchObject({ parameterCount: 16, fileType: 15 });
  });

  it("is not enough without weights", async () => {
    expect(await problemOf({}, [])).toMatch("it holds no weights");
  });
});

describe("the metadata of a model file", () => {
  const metadataOf = async (bytes: Uint8Array) => {
    const path = join(await temporaryFolder(), "model.gguf");
    await writeFile(path, bytes);
    return readMetadata(path);
  };

  it("is all that its header says but lists and what no template is as long as", async () => {
    const long = "{{ x }}".repeat(10_000);
    const more = {
      "tokenizer.chat_template": { string: long },
      "tokenizer.ggml.tokens": { strings: ["a"] },
      "general.huge": { string: "x".repeat(300_000) },
    };
    const metadata = await metadataOf(ggufBytes({ ...whole, ...more }, [tensor]));
    expect(metadata?.get("tokenizer.chat_template")).toBe(long);
    expect(metadata?.get("llama.context_length")).toBe(64);
    expect([...(metadata?.keys() ?? [])]).not.toEqual(expect.arrayContaining(["tokenizer.ggml.tokens"]));
    expect(metadata?.has("general.huge")).toBe(false);
  });

  it("is unknown of a file that cannot be read", async () => {
    expect(await metadataOf(ggufBytes(whole, [tensor]).subarray(0, 100))).toBeUndefined();
  });
});
