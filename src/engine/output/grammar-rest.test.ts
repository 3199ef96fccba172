import { assert, jsonValue, nat, property } from "fast-check";
import { expect, it } from "vitest";
import { isNothing, printed, rule } from "../grammar/expression.ts";
import { parsedGbnf } from "../grammar/gbnf.ts";
import { anyArguments, gbnfOf, ruleTable } from "./call-grammar.ts";
import { restAfter, writes } from "./grammar-rest.ts";

const root = rule("root");

it("is what is still to be written after the beginning of a text", () => {
  const rules = parsedGbnf('root ::= "[" item ("," item){0,2} "]"\nitem ::= [a-c]+ | "x" "y"?');
  const rest = restAfter(root, "[ab,x", rules)!;
  expect(writes(rest, "]", rules)).toBe(true);
  expect(writes(rest, "y,c]", rules)).toBe(true);
  expect(writes(rest, "yy]", rules)).toBe(false);
  expect(writes(rest, ",a,b]", rules)).toBe(false);
  expect(restAfter(root, "[ab,d", rules)).toBeUndefined();
  expect(isNothing(restAfter(root, "[a]", rules)!)).toBe(true);
});

it("ends where something that may be empty is repeated", () => {
  const rules = parsedGbnf('root ::= (a | "b")* "."\na ::= ("a"* | "")+');
  expect(writes(root, "aabab.", rules)).toBe(true);
  expect(writes(root, "aabab", rules)).toBe(false);
});

it("of any JSON object, at any place, is what is left of it, and can be printed and read again", () => {
  const any = anyArguments();
  const { expression } = any;
  const rules = ruleTable(any);
  assert(
    property(jsonValue({ maxDepth: 3 }), nat(), (value, at) => {
      const text = JSON.stringify({ "schlüssel 😀": value }, (_, each: unknown) =>
        typeof each === "number" ? Math.trunc(each % 1e9) : each,
      );
      const characters = Array.from(text);
      const place = at % (characters.length + 1);
      const rest = restAfter(expression, characters.slice(0, place).join(""), rules)!;
      const left = characters.slice(place);
      expect(writes(rest, left.join(""), rules)).toBe(true);
      expect(writes(rest, `${left.join("")}}`, rules)).toBe(false);
      expect(left.length === 0 || !writes(rest, left.slice(0, -1).join(""), rules)).toBe(true);
      const again = parsedGbnf(gbnfOf({ ...any, expression: rest }));
      expect(writes(root, left.join(""), again)).toBe(true);
      expect(printed(rest).length).toBeLessThan(20_000);
    }),
    { numRuns: 60 },
  );
});
