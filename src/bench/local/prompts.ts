/** A pseudo-random number generator (mulberry32): the same seed gives the same numbers, from 0 to below 1. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** Ids of ordinary words in the vocabulary of SmolLM2: below are special tokens and single bytes, above are rare pieces. */
const words = { from: 1000, to: 20_000 };

let nextSeed = 1;

/** So many tokens that no earlier prompt began with: nothing that was computed before can serve them. */
export function freshPrompt(tokens: number): number[] {
  const random = randomOf(nextSeed++);
  return Array.from({ length: tokens }, () => words.from + Math.floor(random() * (words.to - words.from)));
}
