import { writeFile } from "node:fs/promises";
import { ggufBytes, type MetadataValue, type Tensor } from "./tiny-gguf-format.ts";
import { gaussian, matrix } from "./tiny-gguf.ts";

/** What a tiny encoder is to be. */
export interface TinyBertOptions {
  /** Makes the weights; the same seed makes the same bytes. Default 1. */
  readonly seed?: number;
  /** Positions it has. Default 64. */
  readonly contextLength?: number;
  /** Whether it has a head that ranks, instead of making vectors. Default false. */
  readonly ranks?: boolean;
}

/** Length of its vectors. */
export const tinyBertVectorLength = 64;

const width = tinyBertVectorLength;
const heads = 4;
const forwardWidth = 128;
const layers = 2;
/** llama.cpp's numbers. */
const pooling = { mean: 1, rank: 4 } as const;

const special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] as const;
const letters = "abcdefghijklmnopqrstuvwxyz0123456789.,?!".split("");
const words = ["the", "bread", "river", "market", "query", "bake", "is", "of"];
/** A word begins with a mark where other WordPiece vocabularies mark what goes on. */
const tokens = [...special, ...words.map((word) => `▁${word}`), ...letters.map((letter) => `▁${letter}`), ...letters];

/** Id of one of its tokens, such as `[CLS]` or `▁bread`. */
export function tinyBertToken(token: string): number {
  return tokens.indexOf(token);
}

/** Writes a BERT of random weights that loads and makes vectors, or ranks, like a large one. */
export async function writeTinyBert(path: string, options: TinyBertOptions = {}): Promise<void> {
  await writeFile(path, tinyBert(options));
}

/** The bytes of such a model. */
function tinyBert({ seed = 1, contextLength = 64, ranks = false }: TinyBertOptions = {}): Buffer {
  const random = gaussian(seed);
  const made = (name: string, inputs: number, outputs: number, scale = 1 / Math.sqrt(inputs)) =>
    matrix(random, name, { inputs, outputs, scale });
  const head = [
    made("cls.weight", width, width),
    filled("cls.bias", width, 0),
    made("cls.output.weight", width, 1),
    filled("cls.output.bias", 1, 0),
  ];
  return ggufBytes(metadata(contextLength, ranks), [
    made("token_embd.weight", width, tokens.length, 1),
    made("token_types.weight", width, 2, 0.1),
    made("position_embd.weight", width, contextLength, 0.1),
    ...norm("token_embd_norm"),
    ...Array.from({ length: layers }, (_, layer) => block(`blk.${layer}`, made)).flat(),
    ...(ranks ? head : []),
  ]);
}

function metadata(contextLength: number, ranks: boolean): Record<string, MetadataValue> {
  const id = (token: (typeof special)[number]) => ({ uint32: special.indexOf(token) });
  return {
    "general.architecture": { string: "bert" },
    "general.name": { string: "tiny bert" },
    "bert.context_length": { uint32: contextLength },
    "bert.embedding_length": { uint32: width },
    "bert.block_count": { uint32: layers },
    "bert.feed_forward_length": { uint32: forwardWidth },
    "bert.attention.head_count": { uint32: heads },
    "bert.attention.layer_norm_epsilon": { float32: 1e-12 },
    "bert.attention.causal": { bool: false },
    "bert.pooling_type": { uint32: ranks ? pooling.rank : pooling.mean },
    "tokenizer.ggml.model": { string: "bert" },
    "tokenizer.ggml.pre": { string: "default" },
    "tokenizer.ggml.tokens": { strings: tokens },
    "tokenizer.ggml.token_type": { int32s: tokens.map((_, token) => (token < special.length ? 3 : 1)) },
    "tokenizer.ggml.token_type_count": { uint32: 2 },
    "tokenizer.ggml.bos_token_id": id("[CLS]"),
    "tokenizer.ggml.eos_token_id": id("[SEP]"),
    "tokenizer.ggml.unknown_token_id": id("[UNK]"),
    // The format's own spelling.
    "tokenizer.ggml.seperator_token_id": id("[SEP]"),
    "tokenizer.ggml.padding_token_id": id("[PAD]"),
    "tokenizer.ggml.mask_token_id": id("[MASK]"),
  };
}

function block(name: string, made: (name: string, inputs: number, outputs: number) => Tensor): Tensor[] {
  const linear = (part: string, inputs: number, outputs: number) => [
    made(`${name}.${part}.weight`, inputs, outputs),
    filled(`${name}.${part}.bias`, outputs, 0),
  ];
  return [
    ...["attn_q", "attn_k", "attn_v", "attn_output"].flatMap((part) => linear(part, width, width)),
    ...norm(`${name}.attn_output_norm`),
    ...linear("ffn_up", width, forwardWidth),
    ...linear("ffn_down", forwardWidth, width),
    ...norm(`${name}.layer_output_norm`),
  ];
}

function norm(name: string): Tensor[] {
  return [filled(`${name}.weight`, width, 1), filled(`${name}.bias`, width, 0)];
}

function filled(name: string, length: number, value: number): Tensor {
  return { name, shape: [length], values: new Float32Array(length).fill(value) };
}
