import { property, assert, jsonValue } from "fast-check";
import { expect, it } from "vitest";
import { exactJson } from "./exact-json.ts";

it.each([
  `{"id":12345678901234567890,"b":[1.0,1e400,-0.12345678901234567890],"c":"12345678901234567890"}`,
  `[0.1,1,-5,"a",null,true,{}]`,
  `{"a":1e-400}`,
  `[1.0,0.10,-0,1e5,2E+1]`,
])("numbers are written again as they were: %s", (text) => {
  expect(JSON.stringify(exactJson(text))).toBe(text);
});

it("what holds no such number is what JSON.parse makes of it", () => {
  assert(property(jsonValue(), (value) => JSON.stringify(exactJson(JSON.stringify(value))) === JSON.stringify(value)));
  expect(() => exactJson("{")).toThrow(SyntaxError);
});
