import { describe, expect, it } from "vitest";
import { UsageSource, type Usage } from "../../gen/parley/v1/usage_pb.ts";
import { chargesBy, costOf, priceOf } from "./prices.ts";

const price = { prompt: 2, completion: 8, cached: 0.5, cacheWrite: 2.5 };
const usage = (more: Partial<Usage>): Usage => ({
  $typeName: "parley.v1.Usage",
  promptTokens: 1000,
  completionTokens: 100,
  source: UsageSource.PROVIDER,
  ...more,
});

describe("what tokens cost", () => {
  it.each([
    ["prompt and answer, thinking included", usage({ reasoningTokens: 40 }), 2800],
    ["what a cache saved", usage({ cachedTokens: 600 }), 800 + 300 + 800],
    ["what was put into a cache", usage({ cachedTokens: 600, cacheWriteTokens: 300 }), 200 + 300 + 750 + 800],
    ["no less than nothing for a prompt that an upstream counts without its cache", usage({ cachedTokens: 3000 }), 1500 + 800],
  ])("%s", (_, tokens, millionths) => {
    expect(costOf(price, tokens) * 1e6).toBeCloseTo(millionths, 6);
  });

  it("is looked up by the model's name, else by that of all others, and by no name that every object has", () => {
    const other = { ...price, prompt: 3 };
    expect(priceOf({ m: price, "*": other }, "m")).toBe(price);
    expect(priceOf({ m: price, "*": other }, "constructor")).toBe(other);
    expect(priceOf({ m: price }, "toString")).toBeUndefined();
  });
});

describe("what a caller is charged", () => {
  const upstream = (name: string, disconnect: "estimate" | "none") => ({ name, disconnect, prices: { m: price } });
  const chargeOf = chargesBy([upstream("p", "estimate"), upstream("q", "none")]);
  it.each([
    ["the price of the upstream that served", { provider: "p", model: "m" }, UsageSource.PROVIDER, 2800],
    ["what was sent of an answer that was cut off", { provider: "p", model: "m" }, UsageSource.PARTIAL, 2800],
    ["nothing of it where the upstream's policy is none", { provider: "q", model: "m" }, UsageSource.PARTIAL, undefined],
    ["nothing where no price is known", { provider: "p", model: "n" }, UsageSource.PROVIDER, undefined],
    ["nothing for what is on this machine", { provider: "llama-cpp", model: "m" }, UsageSource.PROVIDER, undefined],
  ] as const)("is %s", (...[, target, source, millionths]) => {
    const charge = chargeOf(target, usage({ source }));
    expect(charge && Math.round(charge * 1e6)).toBe(millionths);
  });
});
