import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Drawn } from "../engine/drawing.ts";
import { drawTokens, engineAsk, loadFile } from "./loaded-model.ts";
import { rawLogprobs, type RawLogprob } from "./raw-logprobs.ts";
import { writeTinyGguf } from "./tiny-gguf.ts";

/** What raw llama.cpp says of a tiny model, kept for machines without a compiler; `npm run bench -- drawing` writes it. */
const file = join(import.meta.dirname, "logprobs-reference.json");
const prompt = "the thing and the other";
const tokens = 24;
const alternatives = 20;

/** Our logprobs beside raw llama.cpp's: of one prompt, drawn greedily. */
export interface LogprobsBeside {
  readonly own: readonly Drawn[];
  /** Undefined where its program cannot be built. */
  readonly raw: readonly RawLogprob[] | undefined;
}

/** Asks both for the logprobs of a model. */
export async function logprobsBeside(modelPath: string): Promise<LogprobsBeside> {
  const loaded = await loadFile(modelPath);
  try {
    const own = await drawTokens({ loaded, prompt, request: engineAsk({ topLogprobs: alternatives }), tokens });
    return { own, raw: rawLogprobs({ modelPath, prompt: loaded.model.tokenize(prompt), tokens, alternatives }) };
  } finally {
    await loaded.dispose();
  }
}

/** The same of the tiny model that the kept numbers are of. */
export async function tinyLogprobsBeside(): Promise<LogprobsBeside> {
  const directory = await mkdtemp(join(tmpdir(), "parley-logprobs-"));
  try {
    const path = join(directory, "tiny.gguf");
    await writeTinyGguf(path, { writes: "bytes" });
    return await logprobsBeside(path);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** The kept numbers. */
export async function keptLogprobs(): Promise<RawLogprob[]> {
  return JSON.parse(await readFile(file, "utf8")) as RawLogprob[];
}

/** Keeps numbers. */
export async function keepLogprobs(raw: readonly RawLogprob[]): Promise<void> {
  await writeFile(file, `[\n${raw.map((line) => JSON.stringify(line)).join(",\n")}\n]\n`);
}

/** The greatest difference between ours and llama.cpp's, of drawn tokens and alternatives; infinite where the tokens differ. */
export function greatestDifference(own: readonly Drawn[], raw: readonly RawLogprob[]): number {
  if (own.length !== raw.length) return Infinity;
  const differences = raw.flatMap(([token, logprob, top], index) => {
    const drawn = own[index]!;
    if (drawn.token !== token || drawn.logprob?.top.length !== top.length) return [Infinity];
    return [
      Math.abs(drawn.logprob.logprob - logprob),
      ...top.map(([, other], place) => Math.abs((drawn.logprob?.top[place]?.logprob ?? Infinity) - other)),
    ];
  });
  return Math.max(...differences);
}
