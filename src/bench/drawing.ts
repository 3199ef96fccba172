import { drawTokens, engineAsk, loadFile, plainPlan } from "../testing/loaded-model.ts";
import { greatestDifference, keepLogprobs, logprobsBeside, tinyLogprobsBeside } from "../testing/logprobs-reference.ts";
import { realModel } from "../testing/real-model.ts";
import type { Bench } from "./bench.ts";

const usual = { temperature: 0.8, topK: 40, topP: 0.95, minP: 0.05 };
const dry = { multiplier: 0.8, base: 1.75, allowedLength: 2, lastTokens: 512, sequenceBreakers: ["\n", ":", '"', "*"] };
/** The library's samplers first: the others are told as more than they take. */
const ways: Readonly<Record<string, Parameters<typeof engineAsk>[0]>> = {
  "the library's samplers": { sampling: usual },
  "our own (min_tokens)": { sampling: usual, minTokens: 1 },
  "our own, DRY": { sampling: { ...usual, dry, repeatPenalty: 1.1 } },
  "our own, 5 logprobs": { sampling: usual, topLogprobs: 5 },
  "our own, 20 logprobs": { sampling: usual, topLogprobs: 20 },
  "our own, top_k 0": { sampling: { ...usual, topK: 0 }, minTokens: 1 },
  "our own, top_k 0, 5 logprobs": { sampling: { ...usual, topK: 0 }, topLogprobs: 5 },
  "the library's, DRY": { sampling: { ...usual, dry } },
  "the library's, grammar": { sampling: usual },
  "grammar, 5 logprobs": { sampling: usual, topLogprobs: 5 },
};
/** Of the ways that are named so, the grammar: letters and what stands between them. */
const gbnf = "root ::= [A-Za-z ,.\\n]*";

/** What the ways to draw a token cost, and how far our logprobs are from raw llama.cpp's. */
export const drawing: Bench = {
  what: "what a token costs by each way to draw it, and our logprobs beside raw llama.cpp's",
  options: { tokens: { default: 150, what: "tokens of each run" }, rounds: { default: 5, what: "rounds, in turn" } },
  async run({ tokens = 150, rounds = 5 }, say) {
    const path = await realModel();
    if (path === undefined) throw new Error("there is no model to measure with");
    const costs = await costsOf(path, tokens, rounds);
    const [first = 0] = Object.values(costs);
    const lines = Object.entries(costs).map(([way, ms]) => `${way.padEnd(30)} ${ms.toFixed(2)} ms a token (+${(ms - first).toFixed(2)})`);
    const tiny = await tinyLogprobsBeside();
    const real = await logprobsBeside(path);
    if (tiny.raw !== undefined) await keepLogprobs(tiny.raw);
    for (const [model, { own, raw }] of Object.entries({ tiny, real })) {
      lines.push(
        raw === undefined
          ? "no compiler: no raw llama.cpp"
          : `${model}: logprobs differ by at most ${greatestDifference(own, raw).toExponential(1)}`,
      );
    }
    for (const line of lines) say(line);
    return { lines, data: costs };
  },
};

/** By way, the median of the ms that a token takes on one sequence. */
async function costsOf(path: string, tokens: number, rounds: number): Promise<Record<string, number>> {
  const loaded = await loadFile(path, { threads: 1 });
  const runs = new Map(Object.keys(ways).map((way) => [way, [] as number[]]));
  for (let round = 0; round < rounds; round++) {
    for (const [way, more] of Object.entries(ways)) {
      const beganMs = performance.now();
      const request = engineAsk({ seeds: [round], ...more });
      const held = way.includes("grammar") ? { output: { ...plainPlan, grammarFields: ["response_format"] }, before: () => gbnf } : {};
      const drawn = await drawTokens({ loaded, prompt: "Once upon a time", request, tokens, ...held });
      runs.get(way)?.push((performance.now() - beganMs) / drawn.length);
    }
  }
  await loaded.dispose();
  return Object.fromEntries([...runs].map(([way, ms]) => [way, ms.toSorted((one, other) => one - other)[Math.floor(ms.length / 2)] ?? 0]));
}
