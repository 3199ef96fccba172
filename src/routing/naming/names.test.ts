import { describe, expect, it } from "vitest";
import type { RouteSettings } from "../../core/routes.ts";
import { defaultNameAt, lastLead, leadAt, leadsOf, type NameRules } from "./names.ts";

const here = (model: string, provider = "") => ({ is: "here", provider, model });
const there = (upstream: string, model: string, isConfigured = true) => ({ is: "there", upstream, model, isConfigured });
const route = (model: string): RouteSettings => ({ model, targets: [], hedge: undefined, rescue: undefined });
const smart = { is: "route", route: route("smart") };
const openai = { name: "openai", defaultModel: "gpt-4o-mini", models: [] };
const vllm = { name: "vllm", defaultModel: "", models: ["meta/llama", "gpt-4o-mini"] };
const openrouter = { name: "openrouter", defaultModel: "openrouter/auto", models: [] };
const rules: NameRules = {
  aliases: { short: "long", loop: "short", routed: "smart" },
  routes: [route("smart")],
  upstreams: [openai, vllm, openrouter],
  defaultProvider: "auto",
};

describe("a name leads", () => {
  it.each([
    ["to itself, where nothing is said of it", "other", [here("other")]],
    ["to what it is an alias of", "short", [here("long")]],
    ["through one alias, and no second", "loop", [here("short")]],
    ["through a route, and to nothing else", "smart", [smart]],
    ["through an alias of a route", "routed", [smart]],
    ["to itself, where Object has a property of that name", "constructor", [here("constructor")]],
    ["to a file, then to the upstream it is listed at", "meta/llama", [here("meta/llama"), there("vllm", "meta/llama")]],
    ["to the first upstream of several that list it", "gpt-4o-mini", [here("gpt-4o-mini"), there("openai", "gpt-4o-mini")]],
    ["to the upstream that it begins with, slashes and all", "vllm/a/b:c", [here("vllm/a/b:c"), there("vllm", "a/b:c", false)]],
    ["to a listed model that looks like a prefix", "openrouter/auto", [here("openrouter/auto"), there("openrouter", "openrouter/auto")]],
    ["to an upstream's default by the upstream's own name", "vllm", [here("vllm"), there("vllm", "")]],
    ["to a file at the provider of this machine", "llama-cpp/a", [here("llama-cpp/a"), here("a", "llama-cpp")]],
    ["to no upstream of half its name", "vllmx/a", [here("vllmx/a")]],
  ])("%s", (_, name, leads) => {
    expect(leadsOf(name, rules)).toEqual(leads);
  });

  it("to what the star stands for after all else", () => {
    const starred = { ...rules, aliases: { ...rules.aliases, "*": "vllm/x" } };
    expect(leadsOf("a", starred)).toEqual([here("a"), here("vllm/x"), there("vllm", "x")]);
    expect(lastLead("a", starred, "openai")).toEqual(there("openai", "vllm/x"));
  });

  it("to the default upstream before others that list it", () => {
    expect(leadsOf("gpt-4o-mini", { ...rules, defaultProvider: "vllm" })[1]).toEqual(there("vllm", "gpt-4o-mini"));
  });

  it("by an alias to the default provider, before another upstream whose default model has that name", () => {
    const huggingface = { name: "huggingface", defaultModel: "meta/llama", models: [] };
    const server = { name: "vllm", defaultModel: "", models: [] };
    const moved = {
      ...rules,
      aliases: { fast: "meta/llama", there: "huggingface/meta/llama" },
      upstreams: [huggingface, server],
      defaultProvider: "vllm",
    };
    expect(leadsOf("fast", moved)).toEqual([here("meta/llama"), there("vllm", "meta/llama")]);
    expect(leadsOf("there", moved)[1]).toEqual(there("huggingface", "meta/llama"));
    expect(leadsOf("fast", { ...moved, defaultProvider: "auto" })[1]).toEqual(there("huggingface", "meta/llama"));
    const listing = { ...huggingface, models: ["meta/llama"] };
    expect(leadsOf("fast", { ...moved, upstreams: [listing, server] })[1]).toEqual(there("huggingface", "meta/llama"));
  });

  it("as it stands, or as its alias does, where nobody knows it", () => {
    expect(lastLead("gpt-x", rules, "openai")).toEqual(there("openai", "gpt-x", false));
    expect(lastLead("short", rules, "openai")).toEqual(there("openai", "long"));
  });
});

describe("at one upstream a name means", () => {
  it.each([
    ["itself", openai, "gpt-x", there("openai", "gpt-x", false)],
    ["what is behind the prefix", openai, "openai/gpt-x", there("openai", "gpt-x", false)],
    ["another upstream's prefixed name as it stands", openrouter, "openai/gpt-x", there("openrouter", "openai/gpt-x", false)],
    ["its listed name, whatever that begins with", openrouter, "openrouter/auto", there("openrouter", "openrouter/auto")],
    ["what it is an alias of", openai, "short", there("openai", "long")],
    ["its default", vllm, "vllm", there("vllm", "")],
  ])("%s", (_, upstream, name, lead) => {
    expect(leadAt(upstream, name, rules)).toEqual(lead);
  });
});

it("a default model is asked for by its own name where that is nobody else's", () => {
  const free = () => false;
  expect(defaultNameAt(openai, rules, free)).toBe("gpt-4o-mini");
  expect(defaultNameAt(openai, rules, () => true)).toBe("openai/gpt-4o-mini");
  expect(defaultNameAt(openai, { ...rules, aliases: { "gpt-4o-mini": "smart" } }, free)).toBe("openai/gpt-4o-mini");
  expect(defaultNameAt(vllm, rules, free)).toBe("vllm");
  expect(defaultNameAt({ ...vllm, defaultModel: undefined }, rules, free)).toBeUndefined();
});
