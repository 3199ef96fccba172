import { writeFile } from "node:fs/promises";
import { ggufBytes, type MetadataValue, type Tensor } from "./tiny-gguf-format.ts";
import { seededRandom } from "./seeded-random.ts";

/** What a tiny model is to be. */
export interface TinyGgufOptions {
  /** Makes the weights; the same seed makes the same bytes. Default 1. */
  readonly seed?: number;
  /** Tokens it claims to be trained for. Default 2048. */
  readonly contextLength?: number;
  /** Jinja chat template; null leaves it out. Default ChatML. */
  readonly chatTemplate?: string | null;
  /** `general.name`. Default "tiny". */
  readonly name?: string;
  /** `general.architecture`; only `llama` loads. Default "llama". */
  readonly architecture?: string;
  /** Whether it ever ends by itself: `never` keeps its end token out of reach, so that an answer is as long as its limit. Default `never`. */
  readonly ends?: "never" | "sometimes";
  /** llama.cpp's number of how states become one vector, such as 1 for their mean; absent: it was made to chat. */
  readonly pooling?: number;
  /** Which bytes it writes: readable ASCII, or any, which are seldom whole characters. Default `ascii`. */
  readonly writes?: "ascii" | "bytes";
  /** Every other layer sees only so many tokens back, as in Gemma 2, which the architecture then is; it may draw any token. */
  readonly slidingWindow?: number;
  /** Whether it has tokens between which a gap is filled: those of the bytes 0, 1 and 2. Default no. */
  readonly fillsGaps?: boolean;
  /** Layers; more make it slower. Default 2. */
  readonly layers?: number;
  /** Heads; with fewer, each is wider. Default 4, of 16 numbers. */
  readonly heads?: 1 | 2 | 4;
}

/** Tokens of a tiny model that are not text. */
const tinySpecialTokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"] as const;

const chatMl =
  "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

const width = 64;
const keyValueHeads = 2;
const forwardWidth = 128;
/** Strength of the one dimension that every state has in common; by it, tokens are put out of reach. */
const commonValue = 4;
const outOfReach = -40;

/** Writes a llama model of random weights that loads and generates like a large one: a few hundred kilobytes, in milliseconds. Any text can be told in its tokens. */
export async function writeTinyGguf(path: string, options: TinyGgufOptions = {}): Promise<void> {
  await writeFile(path, tinyGguf(options));
}

/** The bytes of such a model. */
export function tinyGguf(options: TinyGgufOptions = {}): Buffer {
  const { seed = 1, ends = "never", writes = "ascii", layers = 2, heads = 4 } = options;
  const { tokens, merges } = vocabulary();
  const random = gaussian(seed);
  const isReachable = (token: number) => {
    if (token < tinySpecialTokens.length) return ends === "sometimes" && tokens[token] === "<|im_end|>";
    return writes === "bytes" || /^[\x20-\x7e]+$/.test((tokens[token] ?? "").replaceAll("Ġ", " "));
  };
  const hasWindow = options.slidingWindow !== undefined;
  return ggufBytes(metadata(options, { tokens, merges, layers, heads }), [
    embedding(random, tokens.length),
    constant("output_norm.weight", 1),
    ...(hasWindow ? [] : [output(random, tokens.length, isReachable)]),
    ...Array.from({ length: layers }, (_, layer) => [
      ...block(random, layer, width / heads),
      ...(hasWindow ? postNorms(layer) : []),
    ]).flat(),
  ]);
}

function postNorms(layer: number): Tensor[] {
  return ["post_attention_norm", "post_ffw_norm"].map((part) => constant(`blk.${layer}.${part}.weight`, 1));
}

interface Shape {
  readonly tokens: readonly string[];
  readonly merges: readonly string[];
  readonly layers: number;
  readonly heads: number;
}

function metadata(options: TinyGgufOptions, { tokens, merges, layers, heads }: Shape): Record<string, MetadataValue> {
  const { contextLength = 2048, chatTemplate = chatMl, name = "tiny", slidingWindow } = options;
  const { architecture = slidingWindow === undefined ? "llama" : "gemma2" } = options;
  return {
    "general.architecture": { string: architecture },
    "general.name": { string: name },
    [`${architecture}.context_length`]: { uint32: contextLength },
    ...(options.pooling !== undefined && { [`${architecture}.pooling_type`]: { uint32: options.pooling } }),
    ...(slidingWindow !== undefined && { [`${architecture}.attention.sliding_window`]: { uint32: slidingWindow } }),
    [`${architecture}.embedding_length`]: { uint32: width },
    [`${architecture}.block_count`]: { uint32: layers },
    [`${architecture}.feed_forward_length`]: { uint32: forwardWidth },
    [`${architecture}.attention.head_count`]: { uint32: heads },
    [`${architecture}.attention.head_count_kv`]: { uint32: Math.min(keyValueHeads, heads) },
    [`${architecture}.attention.layer_norm_rms_epsilon`]: { float32: 1e-5 },
    [`${architecture}.rope.dimension_count`]: { uint32: width / heads },
    [`${architecture}.vocab_size`]: { uint32: tokens.length },
    "tokenizer.ggml.model": { string: "gpt2" },
    "tokenizer.ggml.pre": { string: "gpt-2" },
    "tokenizer.ggml.tokens": { strings: tokens },
    "tokenizer.ggml.token_type": { int32s: tokens.map((_, token) => (token < tinySpecialTokens.length ? 3 : 1)) },
    "tokenizer.ggml.merges": { strings: merges },
    "tokenizer.ggml.bos_token_id": { uint32: tinySpecialTokens.indexOf("<|im_start|>") },
    "tokenizer.ggml.eos_token_id": { uint32: tinySpecialTokens.indexOf("<|im_end|>") },
    "tokenizer.ggml.add_bos_token": { bool: false },
    ...(options.fillsGaps === true && gapTokens(tinySpecialTokens.length)),
    ...(chatTemplate !== null && { "tokenizer.chat_template": { string: chatTemplate } }),
  };
}

function gapTokens(firstByte: number): Record<string, MetadataValue> {
  const names = ["pre", "suf", "mid"].map((part) => `tokenizer.ggml.fim_${part}_token_id`);
  return Object.fromEntries(names.map((name, byte) => [name, { uint32: firstByte + byte }]));
}

/** Special tokens, every byte, and some longer pieces, so that text and tokens have different borders. */
function vocabulary(): { readonly tokens: readonly string[]; readonly merges: readonly string[] } {
  const bytes = Array.from({ length: 256 }, (_, byte) => byteCharacter(byte));
  const pairs = ["t h", "th e", "i n", "in g", "a n", "an d", "e r", "o n", "Ġ t", "Ġ a", "Ġt he", "o u", "r e", "e n", "l l", "s t"];
  return { tokens: [...tinySpecialTokens, ...bytes, ...pairs.map((pair) => pair.replace(" ", ""))], merges: pairs };
}

/** The printable character by which byte-level vocabularies write a byte. */
function byteCharacter(byte: number): string {
  const isPrintable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  if (isPrintable) return String.fromCodePoint(byte);
  const others = Array.from({ length: 256 }, (_, other) => other).filter(
    (other) => !((other >= 0x21 && other <= 0x7e) || (other >= 0xa1 && other <= 0xac) || other >= 0xae),
  );
  return String.fromCodePoint(256 + others.indexOf(byte));
}

function embedding(random: () => number, tokens: number): Tensor {
  const tensor = matrix(random, "token_embd.weight", { inputs: width, outputs: tokens, scale: 1 });
  for (let token = 0; token < tokens; token++) tensor.values[token * width] = commonValue;
  return tensor;
}

function output(random: () => number, tokens: number, isReachable: (token: number) => boolean): Tensor {
  const tensor = matrix(random, "output.weight", { inputs: width, outputs: tokens, scale: 0.5 });
  for (let token = 0; token < tokens; token++) tensor.values[token * width] = isReachable(token) ? 0 : outOfReach;
  return tensor;
}

function block(random: () => number, layer: number, headWidth: number): Tensor[] {
  const name = (part: string) => `blk.${layer}.${part}.weight`;
  const keyValueWidth = headWidth * Math.min(keyValueHeads, width / headWidth);
  const made = (part: string, inputs: number, outputs: number) =>
    matrix(random, name(part), { inputs, outputs, scale: 1 / Math.sqrt(inputs) });
  return [
    constant(name("attn_norm"), 1),
    made("attn_q", width, width),
    made("attn_k", width, keyValueWidth),
    made("attn_v", width, keyValueWidth),
    withoutCommon(made("attn_output", width, width), width),
    constant(name("ffn_norm"), 1),
    made("ffn_gate", width, forwardWidth),
    made("ffn_up", width, forwardWidth),
    withoutCommon(made("ffn_down", forwardWidth, width), forwardWidth),
  ];
}

/** Keeps a layer from writing into the common dimension. */
function withoutCommon(tensor: Tensor, inputs: number): Tensor {
  tensor.values.fill(0, 0, inputs);
  return tensor;
}

function constant(name: string, value: number): Tensor {
  return { name, shape: [width], values: new Float32Array(width).fill(value) };
}

/** A tensor of random numbers. */
export function matrix(random: () => number, name: string, size: { inputs: number; outputs: number; scale: number }): Tensor {
  const { inputs, outputs, scale } = size;
  const values = new Float32Array(inputs * outputs);
  for (let index = 0; index < values.length; index++) values[index] = random() * scale;
  return { name, shape: [inputs, outputs], values };
}

/** Normally distributed numbers, the same for the same seed (Box and Muller's transform). */
export function gaussian(seed: number): () => number {
  const uniform = seededRandom(seed);
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}
