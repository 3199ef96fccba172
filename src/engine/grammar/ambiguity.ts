import type { Expression } from "./expression.ts";
import { stacksOf, type Stacks, type Ways } from "./stacks.ts";

/** Ways on that may be open at a place: llama.cpp holds each token of the vocabulary against each of them. */
export const mostWays = 2000;
/** Texts that are tried, and how many characters of each. */
const tries = 6;
const triedLength = 48;
/** Characters among which the one is taken that leaves most ways open. */
const candidates = 4;
/** Ways that are looked at in all. */
const mostWork = 100_000;

/**
 * Whether some text leaves so many ways open that llama.cpp would not come to an end with it: texts are tried that the grammar itself writes, at each place going on
 * with the character that opens most. It is a search and no proof.
 */
export function isTooAmbiguous(rules: ReadonlyMap<string, Expression>, root: string): boolean {
  const stacks = stacksOf(rules, root, mostWork);
  const random = numbers();
  const start = stacks.begin();
  if (start.size > mostWays || stacks.work > mostWork) return true;
  for (let time = 0; time < tries; time++) {
    let ways: Ways = start;
    for (let length = 0; length < triedLength && ways.size > 0; length++) {
      ways = widest(stacks, ways, random);
      if (ways.size > mostWays || stacks.work > mostWork) return true;
    }
  }
  return false;
}

function widest(stacks: Stacks, ways: Ways, random: (below: number) => number): Ways {
  const ranges = stacks.ranges(ways);
  if (ranges.length === 0) return new Set();
  const next = Array.from({ length: Math.min(candidates, ranges.length) }, () => {
    const [first, last] = ranges[random(ranges.length)] ?? [0x20, 0x20];
    return stacks.after(ways, first + random(Math.min(last - first + 1, 64)));
  });
  return next.reduce((most, each) => (each.size > most.size ? each : most));
}

/** The same whole numbers each time (much like mulberry32). */
function numbers(): (below: number) => number {
  let state = 1;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    const mixed = Math.imul(state ^ (state >>> 15), state | 1);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
