import type { EngineSampling } from "../protocol/request.ts";
import { mersenneTwister } from "./mersenne-twister.ts";

/** Tokens that may be drawn, with their logits, greatest first. */
export interface Candidates {
  readonly tokens: readonly number[];
  readonly logits: readonly number[];
}

/** Draws one of the candidates, of which there is at least one. */
export type Chain = (candidates: Candidates) => number;

/** What of the sampling a chain knows; biases and penalties are in the logits already. */
export type ChainSettings = Pick<EngineSampling, "temperature" | "topK" | "topP" | "minP" | "xtc">;

const { fround } = Math;

/**
 * The samplers of llama-server in its order: top-k, top-p, min-p, XTC, temperature, and the draw.
 * They compute in single precision and draw from the same generator as llama.cpp's, so that a seed gives the text that the library's own samplers give; only a tie in the last bit may fall otherwise.
 */
export function chain({ temperature, topK, topP, minP, xtc }: ChainSettings, seed: number): Chain {
  const chance = mersenneTwister(seed);
  const exclude = xtc === undefined ? undefined : excluder(xtc, seed);
  return ({ tokens, logits }) => {
    let to = topK > 0 ? Math.min(topK, tokens.length) : tokens.length;
    if (topP < 1) to = withinTopP(logits, to, fround(topP));
    if (minP > 0) to = withinMinP(logits, to, fround(minP));
    const from = exclude?.(logits, to) ?? 0;
    if (temperature <= 0) return tokens[from]!;
    return tokens[from + drawn(tempered(logits.slice(from, to), fround(temperature)), chance.nextDouble())]!;
  };
}

/** How many come before their probabilities add up to `topP`, the one that crosses it included. */
function withinTopP(logits: readonly number[], to: number, topP: number): number {
  const probabilities = softmax(logits, to);
  let sum = 0;
  for (let index = 0; index < to; index++) {
    sum = fround(sum + probabilities[index]!);
    if (sum >= topP) return index + 1;
  }
  return to;
}

/** How many are at least so probable, relative to the first. */
function withinMinP(logits: readonly number[], to: number, minP: number): number {
  const least = fround(logits[0]! + fround(Math.log(minP)));
  let index = 1;
  while (index < to && logits[index]! >= least) index++;
  return index;
}

/** Exclude top choices: says from which candidate on they may be drawn. */
function excluder(
  { probability, threshold }: NonNullable<EngineSampling["xtc"]>,
  seed: number,
): (logits: readonly number[], to: number) => number {
  const chance = mersenneTwister(seed);
  return (logits, to) => {
    if (probability <= 0 || threshold > 0.5 || to < 2 || chance.nextFloat() > fround(probability)) return 0;
    const probabilities = softmax(logits, to);
    let last = 0;
    while (last + 1 < to && probabilities[last + 1]! >= fround(threshold)) last++;
    return last;
  };
}

function tempered(logits: readonly number[], temperature: number): readonly number[] {
  return logits.map((logit) => fround(logit / temperature));
}

/** Place of the one at which the running sum of probabilities reaches the chance. */
function drawn(logits: readonly number[], chance: number): number {
  const weights = logits.map((logit) => fround(Math.exp(fround(logit - logits[0]!))));
  const target = weights.reduce((sum, weight) => sum + weight, 0) * chance;
  let sum = 0;
  for (const [index, weight] of weights.entries()) {
    sum += weight;
    if (sum >= target) return index;
  }
  return logits.length - 1;
}

function softmax(logits: readonly number[], to: number): Float32Array {
  const weights = new Float32Array(to);
  let sum = 0;
  for (let index = 0; index < to; index++) {
    weights[index] = Math.exp(fround(logits[index]! - logits[0]!));
    sum = fround(sum + weights[index]!);
  }
  return weights.map((weight) => weight / sum);
}
