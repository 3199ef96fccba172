import { expect, it } from "vitest";
import { Recent } from "./recent.ts";

it("what was asked for last is kept, and so many values at most", () => {
  const recent = new Recent<number>(2);
  const made: string[] = [];
  const get = (name: string) =>
    recent.get(name, () => {
      made.push(name);
      return made.length;
    });
  expect(["a", "b", "a", "c", "a", "b"].map(get)).toEqual([1, 2, 1, 3, 1, 4]);
  expect(made).toEqual(["a", "b", "c", "b"]);
  expect([recent.find("a"), recent.find("b"), recent.find("c")]).toEqual([1, 4, undefined]);
});

it("what could not be made is tried again", () => {
  const recent = new Recent<string>(2);
  const fail = () => {
    throw new Error("not now");
  };
  expect(() => recent.get("a", fail)).toThrow("not now");
  expect(recent.get("a", () => "made")).toBe("made");
});
