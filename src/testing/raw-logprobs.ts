import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { buildRaw } from "./raw-llama.ts";

/** A token that llama.cpp itself draws, greedily: id, logprob, and the most probable alternatives in the same way. */
export type RawLogprob = readonly [token: number, logprob: number, top: readonly (readonly [token: number, logprob: number])[]];

/** What is drawn. */
export interface RawLogprobsAsk {
  readonly modelPath: string;
  readonly prompt: readonly number[];
  readonly tokens: number;
  readonly alternatives: number;
}

/** Logprobs by llama.cpp's own API, without anything of ours; undefined where its program cannot be built. */
export function rawLogprobs({ modelPath, prompt, tokens, alternatives }: RawLogprobsAsk): RawLogprob[] | undefined {
  const built = buildRaw(join(import.meta.dirname, "raw-logprobs.cpp"));
  if (built === undefined) return undefined;
  const words = [built.libraries, modelPath, tokens, alternatives, ...prompt].map(String);
  const lines = execFileSync(built.program, words, { encoding: "utf8" }).trim().split("\n");
  return lines.map((line) => JSON.parse(line) as RawLogprob);
}
