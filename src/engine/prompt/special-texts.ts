import type { LlamaModel, Token } from "node-llama-cpp";

/** Texts that a model's tokenizer makes control tokens of. */
export interface SpecialTexts {
  /** Whether a text is one of them. */
  has(text: string): boolean;
  /** Places of special texts in a text, in order; of those that begin at one place the longest. They may overlap. */
  placesIn(text: string): readonly (readonly [start: number, end: number])[];
  /** Whether a text has a character with which a special text begins, or could end one that something else begins. */
  mayBePartOf(text: string): boolean;
  /** Whether a text, put behind another, could be the rest or the middle of a special text that the other begins. */
  mayContinue(text: string): boolean;
  /** The text with a marker behind every character with which a special text begins. */
  withMarkers(text: string, marker: string): string;
}

/** The special texts of a model: those of its control tokens, of its unknown token, and of tokens that end an answer and are parsed in any text. */
export function specialTextsOf(model: LlamaModel): SpecialTexts {
  const texts = new Set<string>();
  for (const token of model.iterateAllTokens()) if (isSpecial(model, token)) texts.add(model.detokenize([token], true));
  texts.delete("");
  return specialTexts([...texts]);
}

function isSpecial(model: LlamaModel, token: Token): boolean {
  const { control, unknown, userDefined } = model.getTokenAttributes(token);
  return control || unknown || (userDefined && model.isEogToken(token));
}

/** Finds the given texts. */
export function specialTexts(texts: readonly string[]): SpecialTexts {
  const longestFirst = texts.toSorted((one, other) => other.length - one.length);
  const longest = longestFirst[0]?.length ?? 0;
  const any = texts.length === 0 ? undefined : new RegExp(longestFirst.map((text) => RegExp.escape(text)).join("|"), "gi");
  const firsts = new Set(texts.flatMap(firstCharacters));
  const anyFirst = new RegExp(texts.length === 0 ? "(?!)" : [...firsts].map((first) => RegExp.escape(first)).join("|"), "g");
  const ends = new Set(texts.flatMap((text) => Array.from({ length: text.length - 1 }, (_, index) => text.slice(index + 1).toLowerCase())));
  const all = texts.join("\n").toLowerCase();
  const mayContinue = (given: string) => {
    const text = given.trim().slice(0, longest).toLowerCase();
    if (text === "") return false;
    for (let length = 1; length <= text.length; length++) if (ends.has(text.slice(0, length))) return true;
    return text.length < longest && all.includes(text);
  };
  const exact = new Set(texts);
  return {
    has: (text) => exact.has(text),
    placesIn(text) {
      const places: [number, number][] = [];
      if (any === undefined) return places;
      any.lastIndex = 0;
      for (let match = any.exec(text); match !== null; match = any.exec(text)) {
        places.push([match.index, match.index + match[0].length]);
        any.lastIndex = match.index + 1;
      }
      return places;
    },
    mayBePartOf: (text) => text.search(anyFirst) >= 0 || mayContinue(text),
    mayContinue,
    withMarkers: (text, marker) => text.replaceAll(anyFirst, (first) => first + marker),
  };
}

function firstCharacters(text: string): readonly string[] {
  const first = String.fromCodePoint(text.codePointAt(0) ?? 0);
  return [first.toLowerCase(), first.toUpperCase()];
}
