import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../testing/temporary-folder.ts";
import { ggufBytes, type MetadataValue } from "../testing/tiny-gguf-format.ts";
import { readModelHeader } from "./model-header.ts";

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

  it("is not enough without weights", async () => {
    expect(await problemOf({}, [])).toMatch("it holds no weights");
  });
});
