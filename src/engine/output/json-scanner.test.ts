import { assert, constantFrom, jsonValue, nat, property } from "fast-check";
import { expect, test } from "vitest";
import { JsonScanner } from "./json-scanner.ts";

/** Where a value ends, or that it is none, or that it has not ended. */
function scan(text: string): number | "bad" | "more" {
  const scanner = new JsonScanner();
  for (const [index, character] of Array.from(text).entries()) {
    const scanned = scanner.push(character);
    if (scanned !== "more") return scanned === "end" ? index + 1 : "bad";
  }
  return "more";
}

const composite = jsonValue({ maxDepth: 4 }).filter((value) => typeof value === "object" && value !== null);

test("an object or list ends with its last character, however it is spaced", () => {
  assert(
    property(composite, constantFrom(undefined, 1, 4), (value, indent) => {
      const text = JSON.stringify(value, undefined, indent);
      expect(scan(text)).toBe(Array.from(text).length);
      for (let cut = 0; cut < text.length; cut++) expect(scan(text.slice(0, cut))).toBe("more");
    }),
    { numRuns: 50 },
  );
});

test("what it calls complete can be parsed, and what cannot be parsed is never called complete", () => {
  const character = constantFrom(...Array.from(`{}[]",:\\u0aefltrsn1-.+E \n`));
  assert(
    property(composite, nat(), character, (value, at, other) => {
      const text = JSON.stringify(value);
      const place = at % text.length;
      const broken = text.slice(0, place) + other + text.slice(place + 1);
      const end = scan(broken);
      if (typeof end === "number") expect(() => JSON.parse(broken.slice(0, end))).not.toThrow();
      else expect(() => JSON.parse(broken)).toThrow();
    }),
    { numRuns: 500 },
  );
});

test.each(['{"a":01}', "{'a':1}", '{"a":1,}', "[1 2]", '{"a"}', '["\n"]', "[1.]", "[-]", '["\\x"]', "[truex]", "7", "]", "[1}"])(
  "%s is no JSON",
  (text) => {
    expect(scan(text)).toBe("bad");
  },
);

test("nesting has a bound", () => {
  expect(scan("[".repeat(200))).toBe("more");
  expect(scan("[".repeat(201))).toBe("bad");
});
