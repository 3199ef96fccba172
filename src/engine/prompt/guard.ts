import { invalidField } from "../../core/reasons.ts";
import type { SpecialTexts } from "./special-texts.ts";

/** Changes a text of the caller's before it goes into a template. */
export type Mark = (text: string) => string;

/** Renders a prompt whose texts of the caller's have all been changed by `mark`. */
export type Rendering = (mark: Mark) => string;

/** Characters that no text has: Unicode keeps them for programs. */
const markers = Array.from({ length: 32 }, (_, index) => String.fromCharCode(0xfdd0 + index));

const unmarked: Mark = (text) => text;

/**
 * A rendered prompt as pieces whose special texts all come from the template: each is tokenized by itself, special tokens parsed.
 *
 * Almost always that is the whole text, and the rendering is that of the template alone. Where a text of the caller's could become part of a special one, the prompt is rendered
 * again with a marker behind every character with which a special text begins; special texts that then hold a marker are the caller's, and are cut there.
 */
export function guardedPieces(render: Rendering, texts: readonly string[], special: SpecialTexts): readonly string[] {
  const plain = render(unmarked);
  if (!texts.some((text) => special.mayBePartOf(text))) return [plain];
  const marker = markers.find((character) => !texts.some((text) => text.includes(character)));
  if (marker === undefined) throw invalidField("messages", "they hold every character that Unicode keeps for programs: leave some out");
  const marks = new RegExp(`${marker}|\\\\u${marker.charCodeAt(0).toString(16)}`, "g");
  const bold = render(boldly(marker, special));
  if (bold.replaceAll(marks, "") === plain) return cut(plain, marksIn(bold, marks), special);
  // The template looks into the texts, and took another way because of the markers: as few of them as will do, if the special texts are the same as with many.
  const mild = render(mildly(marker, special)).split(marks);
  const safe = bold.split(marks);
  return sameSpecials(mild, safe, special) ? mild : safe;
}

/** A marker behind every character that could begin a special text, and before a text that could go on with one. */
function boldly(marker: string, special: SpecialTexts): Mark {
  return (text) => beforeRest(special.withMarkers(text, marker), { text, marker, special });
}

/** A marker in every special text, and before a text that could go on with one. */
function mildly(marker: string, special: SpecialTexts): Mark {
  return (text) => {
    const cuts = special.placesIn(text).map(([start]) => start + 1);
    const marked = [0, ...cuts].map((start, index) => text.slice(start, cuts[index])).join(marker);
    return beforeRest(marked, { text, marker, special });
  };
}

/** The marked text with a marker before it, behind the white space that templates trim, where the text could be the rest of a special one. */
function beforeRest(
  marked: string,
  { text, marker, special }: { readonly text: string; readonly marker: string; readonly special: SpecialTexts },
): string {
  if (!special.mayContinue(text)) return marked;
  const at = marked.length - marked.trimStart().length;
  return marked.slice(0, at) + marker + marked.slice(at);
}

/** Places of the marks in the text without them, in order. */
function marksIn(marked: string, marks: RegExp): readonly number[] {
  let removed = 0;
  return Array.from(marked.matchAll(marks), ({ index, 0: mark }) => {
    const place = index - removed;
    removed += mark.length;
    return place;
  });
}

/** The text cut at all marks that lie inside of special texts. */
function cut(text: string, marks: readonly number[], special: SpecialTexts): readonly string[] {
  const cuts = new Set<number>();
  let from = 0;
  for (const [start, end] of special.placesIn(text)) {
    while (from < marks.length && marks[from]! <= start) from++;
    for (let index = from; index < marks.length && marks[index]! < end; index++) cuts.add(marks[index]!);
  }
  const borders = [0, ...cuts, text.length];
  return borders.slice(1).map((end, index) => text.slice(borders[index], end));
}

function sameSpecials(one: readonly string[], other: readonly string[], special: SpecialTexts): boolean {
  const found = (pieces: readonly string[]) =>
    pieces.flatMap((piece) => special.placesIn(piece).map(([start, end]) => piece.slice(start, end))).join("\n");
  return found(one) === found(other);
}
