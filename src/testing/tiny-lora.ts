import { writeFile } from "node:fs/promises";
import { ggufBytes } from "./tiny-gguf-format.ts";

/** What a tiny adapter is to be. */
export interface TinyLoraOptions {
  /** `general.architecture` of the models it says it was made for. Default "llama". */
  readonly architecture?: string;
  /** Inputs of the matrix it changes: 128 of a tiny model. Default 128. */
  readonly inputs?: number;
  /** How much it changes. Default 8. */
  readonly alpha?: number;
}

const rank = 2;
const outputs = 64;

/** Writes a LoRA adapter that makes a tiny model write something else. */
export async function writeTinyLora(
  path: string,
  { architecture = "llama", inputs = 128, alpha = 8 }: TinyLoraOptions = {},
): Promise<void> {
  const name = "blk.0.ffn_down.weight";
  const waves = (length: number) => Float32Array.from({ length }, (_, index) => Math.sin(index + 1));
  const metadata = {
    "general.architecture": { string: architecture },
    "general.type": { string: "adapter" },
    "adapter.type": { string: "lora" },
    "adapter.lora.alpha": { float32: alpha },
  };
  const tensors = [
    { name: `${name}.lora_a`, shape: [inputs, rank], values: waves(inputs * rank) },
    { name: `${name}.lora_b`, shape: [rank, outputs], values: waves(outputs * rank) },
  ];
  await writeFile(path, ggufBytes(metadata, tensors));
}
