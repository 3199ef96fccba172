import { assert, jsonValue, property } from "fast-check";
import { describe, expect, it } from "vitest";
import { defaultLimits } from "../../core/limits.ts";
import { parseJson as parseLimited } from "./json.ts";

const parseJson = (text: string) => parseLimited(text, defaultLimits);

describe("parseJson", () => {
  it("reads whatever JSON.stringify wrote", () => {
    assert(
      property(jsonValue({ maxDepth: 5 }), (value) => {
        const text = JSON.stringify(value);
        if (text.includes("__proto__")) return;
        expect(parseJson(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it("refuses what is nested deeper than 64, brackets in strings not counted", () => {
    expect(() => parseJson("[".repeat(65) + "]".repeat(65))).toThrow(/deeper than 64/);
    expect(parseJson("[".repeat(64) + "]".repeat(64))).toBeDefined();
    expect(parseJson(JSON.stringify(`\\"${"[{".repeat(200)}`))).toHaveLength(402);
    // Millions of brackets are refused before they are parsed.
    expect(() => parseJson("[".repeat(2_000_000))).toThrow(/deeper than 64/);
  });

  it("refuses an object of more than 10000 keys, and takes as many in several", () => {
    const object = (count: number) => `{${Array.from({ length: count }, (_, index) => `"k${index}":{}`).join(",")}}`;
    expect(() => parseJson(object(10_001))).toThrow(/more than 10000 keys/);
    expect(Object.keys(parseJson(object(10_000)) as object)).toHaveLength(10_000);
    expect(parseJson(`[${object(9000)},${object(9000)}]`)).toHaveLength(2);
  });

  it("says where it broke without quoting the body", () => {
    expect(() => parseJson('{"secret": sk-123}')).toThrow(
      /^\[invalid_argument\] the body is not JSON that can be read: something stands where it may not$/,
    );
    expect(() => parseJson("")).toThrow(/too early, or is empty/);
  });

  it("leaves __proto__ out however it is escaped", () => {
    for (const key of ["__proto__", "\\u005f_proto__", "_\\u005Fproto_\\u005f"]) {
      const parsed = parseJson(`{"a":{"${key}":{"polluted":1}}}`) as { a: object };
      expect(Object.getOwnPropertyNames(parsed.a)).toEqual([]);
    }
  });
});
