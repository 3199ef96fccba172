import { describe, expect, it } from "vitest";
import { leadsOf } from "./names.ts";

const lead = (model: string, provider = "") => ({ provider, model });
const rules = {
  aliases: { short: "long", loop: "short", routed: "parrot", "*": "short" },
  routes: [
    { model: "parrot", provider: "echo", targetModel: "" },
    { model: "gpt-4o", provider: "llama-cpp", targetModel: "mine" },
  ],
};

describe("a name leads", () => {
  it.each([
    ["to itself, where nothing is said of it", "other", lead("other")],
    ["to what it is an alias of", "short", lead("long")],
    ["through one alias, and no second", "loop", lead("short")],
    ["through a route", "gpt-4o", lead("mine", "llama-cpp")],
    ["through a route that names no model of its own", "parrot", lead("parrot", "echo")],
    ["through an alias of a route", "routed", lead("parrot", "echo")],
    ["to itself, where Object has a property of that name", "constructor", lead("constructor")],
  ])("%s, then to what the star stands for", (_, name, first) => {
    expect(leadsOf(name, rules)).toEqual([first, lead("short")]);
    expect(leadsOf(name, { ...rules, aliases: { ...rules.aliases, "*": "gpt-4o" } })[1]).toEqual(lead("mine", "llama-cpp"));
  });

  it("nowhere else where there is no star", () => expect(leadsOf("a", { aliases: {}, routes: [] })).toEqual([lead("a")]));
});
