import { seededRandom } from "../../testing/seeded-random.ts";

/** Ids of ordinary words in the vocabulary of SmolLM2: below are special tokens and single bytes, above are rare pieces. */
const words = { from: 1000, to: 20_000 };

let nextSeed = 1;

/** So many tokens that no earlier prompt began with: nothing that was computed before can serve them. */
export function freshPrompt(tokens: number): number[] {
  const random = seededRandom(nextSeed++);
  return Array.from({ length: tokens }, () => words.from + Math.floor(random() * (words.to - words.from)));
}
