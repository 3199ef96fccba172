/** Keeps back the end of a text as long as it may belong to what follows. */
export interface Holdback {
  /** What of the text so far, with this behind it, may be told now. */
  take(words: string): string;
  /** What is kept, which it keeps no longer. */
  rest(): string;
}

/**
 * Keeps back what may be the beginning of a stop text, and half of a surrogate pair.
 * An answer that breaks there can then be asked on from before it, so that one target sees the whole stop text and none of it has been told.
 */
export function holdback(stops: readonly string[]): Holdback {
  const matchers = stops.filter((stop) => stop !== "").map(matcher);
  let kept = "";
  return {
    take(words) {
      const all = kept === "" ? words : kept + words;
      const end = all.length - keptLength(words, matchers);
      kept = all.slice(end);
      return kept === "" ? all : all.slice(0, end);
    },
    rest() {
      const words = kept;
      kept = "";
      for (const each of matchers) each.reset();
      return words;
    },
  };
}

function keptLength(words: string, matchers: readonly Matcher[]): number {
  let longest = isHighSurrogate(words.charCodeAt(words.length - 1)) ? 1 : 0;
  for (const { feed } of matchers) longest = Math.max(longest, feed(words));
  return longest;
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

interface Matcher {
  /** How much of the stop text the text ends with, the whole of it left out. */
  readonly feed: (words: string) => number;
  readonly reset: () => void;
}

interface Pattern {
  readonly stop: string;
  /** By length of a beginning less one: how long its longest proper beginning is that is also its end. */
  readonly borders: Uint32Array;
}

/** Knuth, Morris and Pratt: linear, whatever the caller's stop text is. */
function matcher(stop: string): Matcher {
  const pattern = { stop, borders: bordersOf(stop) };
  let matched = 0;
  return {
    feed(words) {
      for (let at = 0; at < words.length; at++) {
        matched = step(pattern, matched, words.charCodeAt(at));
        if (matched === stop.length) matched = pattern.borders[matched - 1] ?? 0;
      }
      return matched;
    },
    reset: () => void (matched = 0),
  };
}

function bordersOf(stop: string): Uint32Array {
  const borders = new Uint32Array(stop.length);
  const pattern = { stop, borders };
  for (let at = 1; at < stop.length; at++) borders[at] = step(pattern, borders[at - 1] ?? 0, stop.charCodeAt(at));
  return borders;
}

function step({ stop, borders }: Pattern, matched: number, unit: number): number {
  let length = matched;
  while (length > 0 && stop.charCodeAt(length) !== unit) length = borders[length - 1] ?? 0;
  return stop.charCodeAt(length) === unit ? length + 1 : length;
}
