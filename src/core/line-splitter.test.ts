import * as fc from "fast-check";
import { expect, it } from "vitest";
import { lineSplitter } from "./line-splitter.ts";

function split(pieces: readonly Uint8Array[], maxBytes = 1000) {
  const lines: string[] = [];
  const take = lineSplitter({ maxBytes, onLine: (line) => lines.push(line), onTooLong: () => lines.push("too long") });
  for (const piece of pieces) take(piece);
  return lines;
}

it("gives the same lines wherever the bytes are cut", () => {
  const texts = fc.array(fc.string({ unit: "grapheme" }).map((text) => text.replaceAll("\n", "")));
  fc.assert(
    fc.property(texts, fc.array(fc.nat(20)), (lines, cuts) => {
      const bytes = new TextEncoder().encode(lines.map((line) => `${line}\n`).join(""));
      const pieces: Uint8Array[] = [];
      let at = 0;
      for (const length of cuts) pieces.push(bytes.subarray(at, (at += length)));
      expect(split([...pieces, bytes.subarray(at)])).toEqual(lines);
    }),
  );
});

it("drops a line that is too long as soon as it is, and goes on behind it", () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  expect(split([bytes("ab\nabc"), bytes("def"), bytes("ghi")], 5)).toEqual(["ab", "too long"]);
  expect(split([bytes("abc"), bytes("def"), bytes("ghi\nabcde\n")], 5)).toEqual(["too long", "abcde"]);
});
