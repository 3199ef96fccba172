import type { SpecialTexts } from "./special-texts.ts";

/** llama.cpp's time for one text grows with the square of the special texts in it: so few take no time worth speaking of. */
const mostPlaces = 512;
/** A shorter text cannot have many. */
const shortLength = 4096;
/** So much of what follows shows whether a special text swallows spaces behind it. */
const followingLength = 8;

/** Tokens of a text, in one piece and in parts. */
export interface PartsOptions {
  readonly special: SpecialTexts;
  readonly tokenize: (text: string) => readonly number[];
}

/** The parts of a text whose tokens, one part after the other, are those of the whole text, with few special texts in each. It is cut behind special texts only, where their tokens are the same with and without what follows. */
export function* specialParts(text: string, { special, tokenize }: PartsOptions): Generator<string> {
  const places = text.length <= shortLength ? [] : special.placesIn(text);
  let begin = 0;
  let count = 0;
  let furthest = 0;
  for (const [index, [start, end]] of places.entries()) {
    count++;
    // One that overlaps another may be none in the end.
    const isApart = start >= furthest && end <= (places[index + 1]?.[0] ?? text.length);
    furthest = Math.max(furthest, end);
    if (count < mostPlaces || !isApart || !endsByItself(text.slice(start, end), text.slice(end, end + followingLength))) continue;
    yield text.slice(begin, end);
    [begin, count] = [end, 0];
  }
  yield text.slice(begin);

  function endsByItself(one: string, following: string): boolean {
    if (!special.has(one)) return false;
    return tokenize(one + following).join(" ") === [...tokenize(one), ...tokenize(following)].join(" ");
  }
}
