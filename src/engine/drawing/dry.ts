import type { EngineDry } from "../protocol/request.ts";

/** Sequences of tokens that end a repetition: by their first token, what has to follow it. */
export type Breakers = ReadonlyMap<number, readonly (readonly number[])[]>;

/** A setting for which `base ** exponent` stays a single-precision number. */
const logOfGreatestFloat = 88.722_839_1;

/** What DRY takes from the logit of each token that would go on a repetition. `history` is all that was read and written. */
export function dryPenalties(
  history: readonly number[],
  dry: Omit<EngineDry, "sequenceBreakers">,
  breakers: Breakers,
): Map<number, number> {
  const { multiplier, base, allowedLength, lastTokens } = dry;
  const penalties = new Map<number, number>();
  // Newest first.
  const recent = history.slice(Math.max(0, history.length - lastTokens)).toReversed();
  if (recent.length <= allowedLength) return penalties;
  const limit = lengthToBreaker(recent, breakers);
  if (limit < allowedLength) return penalties;
  const greatest = base > 1.000_001 ? Math.trunc(logOfGreatestFloat / Math.log(base)) : Infinity;
  for (const [token, length] of longestRepetitions(recent, limit, allowedLength)) {
    if (breakers.get(token)?.some((rest) => rest.length === 0)) continue;
    penalties.set(token, multiplier * base ** Math.min(length - allowedLength, greatest));
  }
  return penalties;
}

/** By token, the length of the longest repetition that it would go on, of those that are long enough to count. */
function longestRepetitions(recent: readonly number[], limit: number, allowedLength: number): Map<number, number> {
  const longest = new Map<number, number>();
  for (const [place, length] of commonLengths(recent).entries()) {
    if (place === 0) continue;
    const counted = Math.min(length, limit);
    const next = recent[place - 1]!;
    if (counted >= allowedLength && counted > (longest.get(next) ?? -1)) longest.set(next, counted);
  }
  return longest;
}

/** How many of the newest tokens there are since a breaker. */
function lengthToBreaker(recent: readonly number[], breakers: Breakers): number {
  for (const [place, token] of recent.entries()) {
    const rests = (breakers.get(token) ?? []).filter(
      (rest) => rest.length <= place && rest.every((part, at) => part === recent[place - at - 1]),
    );
    if (rests.length > 0) return place - Math.max(...rests.map((rest) => rest.length));
  }
  return recent.length;
}

/** For each place, how many values from there on are the same as those from the start on (the Z-function: linear time). */
function commonLengths(values: readonly number[]): Uint32Array {
  const lengths = new Uint32Array(values.length);
  let [left, right] = [0, 0];
  for (let place = 1; place < values.length; place++) {
    let length = place < right ? Math.min(right - place, lengths[place - left]!) : 0;
    while (place + length < values.length && values[length] === values[place + length]) length++;
    lengths[place] = length;
    if (place + length > right) [left, right] = [place, place + length];
  }
  return lengths;
}
