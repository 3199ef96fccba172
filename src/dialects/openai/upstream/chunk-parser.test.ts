import { array, assert, constantFrom, json, oneof, property, string } from "fast-check";
import { describe, expect, it } from "vitest";
import { ChunkParser } from "./chunk-parser.ts";

const chunk = (content: unknown, more = {}) => ({ id: "c", choices: [{ index: 0, delta: { content }, finish_reason: null }], ...more });

/** What a parser makes of each chunk, kept before the next one comes. */
const parsedAll = (datas: readonly string[]) => {
  const parser = new ChunkParser();
  return datas.map((data) => structuredClone(parser.parse(data)));
};
const plainAll = (datas: readonly string[]) =>
  datas.map((data) => {
    try {
      return JSON.parse(data) as unknown;
    } catch {
      return undefined;
    }
  });

describe("the chunks of a stream", () => {
  it("are what JSON says they are, whatever their words", () => {
    assert(
      property(array(oneof(string(), string({ unit: "binary" }), constantFrom('"', "\\", '"content":"', "\n", "é", "😀"))), (words) => {
        for (const space of [undefined, 1]) {
          const datas = words.map((word) => JSON.stringify(chunk(word), undefined, space).replaceAll(/\n */gu, " "));
          expect(parsedAll(datas)).toEqual(plainAll(datas));
        }
      }),
    );
  });

  it("are what JSON says they are, whatever they are", () => {
    const others = oneof(
      json(),
      string(),
      string().map((word) => JSON.stringify(chunk(word, { usage: { content: word } }))),
      string().map((word) => JSON.stringify(chunk(word)).replaceAll("content", String.raw`c\u006fntent`)),
      string().map((word) => JSON.stringify(chunk(word)).slice(0, -2)),
      string().map((word) => JSON.stringify(chunk(word)).replace(word, `${word}","x":"y`)),
      string().map((word) => JSON.stringify(chunk(null, { content: word }))),
    );
    const usual = string().map((word) => JSON.stringify(chunk(word)));
    assert(
      property(array(oneof(usual, usual, others)), (datas) => {
        expect(parsedAll(datas)).toEqual(plainAll(datas));
      }),
    );
  });

  it("are parsed once where they differ in their words alone", () => {
    const parser = new ChunkParser();
    const first = parser.parse(JSON.stringify(chunk("a")));
    expect(parser.parse(JSON.stringify(chunk("b")))).toBe(first);
    expect(parser.parse(JSON.stringify(chunk("c", { usage: 1 })))).not.toBe(first);
  });
});
