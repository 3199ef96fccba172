import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { tokenText } from "./token-text.ts";

/** A vocabulary of which each token is some bytes. */
function vocabulary(): { readonly token: (bytes: Uint8Array) => number; readonly detokenize: (tokens: readonly number[]) => string } {
  const known: Uint8Array[] = [];
  return {
    token: (bytes) => known.push(bytes) - 1,
    detokenize: (tokens) => Buffer.concat(tokens.map((token) => known[token]!)).toString("utf8"),
  };
}

function pieces(parts: readonly Uint8Array[]): string[] {
  const { token, detokenize } = vocabulary();
  const joiner = tokenText((tokens) => detokenize(tokens));
  return parts.map((bytes) => joiner.push(token(bytes)));
}

function cut(bytes: Uint8Array, at: readonly number[]): Uint8Array[] {
  const places = [...new Set(at)].toSorted((a, b) => a - b);
  return [0, ...places].map((from, index) => bytes.subarray(from, places[index] ?? bytes.length));
}

/** Texts without U+FFFD, of one to four bytes a character. */
const texts = fc.string({ unit: fc.constantFrom("a", "é", "€", "😀", " ", "\n", "ก"), minLength: 1, maxLength: 12 });

describe("the text of tokens", () => {
  it("never tells half a character, wherever a text is cut in two", () => {
    fc.assert(
      fc.property(texts, (text) => {
        const bytes = Buffer.from(text);
        for (let at = 0; at <= bytes.length; at++) {
          const said = pieces(cut(bytes, [at]));
          expect(said.join("")).toBe(text);
          for (const piece of said) expect(piece).not.toContain("\uFFFD");
        }
      }),
    );
  });

  it("is the whole text with one byte a token", () => {
    fc.assert(
      fc.property(texts, (text) => {
        const said = pieces([...Buffer.from(text)].map((byte) => Uint8Array.of(byte)));
        expect(said.join("")).toBe(text);
        for (const piece of said) expect(Array.from(piece).length).toBeLessThanOrEqual(1);
      }),
    );
  });

  it("is the same however it is cut", () => {
    fc.assert(
      fc.property(texts, fc.array(fc.nat(40), { maxLength: 8 }), (text, places) => {
        const bytes = Buffer.from(text);
        const within = places.filter((at) => at < bytes.length);
        expect(pieces(cut(bytes, within)).join("")).toBe(text);
      }),
    );
  });

  it("tells bytes that are no character as U+FFFD, four tokens later at most", () => {
    const said = pieces([0xff, 0x61, 0xf0, 0x61].map((byte) => Uint8Array.of(byte)));
    expect(said.join("")).toBe("\uFFFDa\uFFFDa");
  });

  it("gives up on half a character that never becomes whole", () => {
    const said = pieces([0xf0, 0xf0, 0xf0, 0xf0, 0xf0].map((byte) => Uint8Array.of(byte)));
    expect(said.join("")).toMatch(/^\uFFFD+$/u);
  });
});
