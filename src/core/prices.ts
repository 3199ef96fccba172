import { UsageSource, type Usage } from "../../gen/parley/v1/usage_pb.ts";
import type { Price, UpstreamSettings } from "./upstreams.ts";

const perMillion = 1e6;

/** What so many tokens cost, in currency units. Tokens from the upstream's cache, and those written into it, are part of the prompt and have prices of their own. */
export function costOf({ prompt, completion, cached, cacheWrite }: Price, usage: Usage): number {
  const { promptTokens, completionTokens, cachedTokens = 0, cacheWriteTokens = 0 } = usage;
  const fresh = Math.max(0, promptTokens - cachedTokens - cacheWriteTokens);
  return (fresh * prompt + cachedTokens * cached + cacheWriteTokens * cacheWrite + completionTokens * completion) / perMillion;
}

/** The price of a model of an upstream; undefined where none is known. */
export function priceOf(prices: Readonly<Record<string, Price>>, model: string): Price | undefined {
  if (Object.hasOwn(prices, model)) return prices[model];
  return Object.hasOwn(prices, "*") ? prices["*"] : undefined;
}

/** What a caller is charged for what it received of an upstream; undefined where no price is known. Of an answer that was cut off nothing, where the upstream's policy says so. */
export type ChargeOf = (target: { readonly provider: string; readonly model: string }, usage: Usage) => number | undefined;

/** Charges by the price tables of the upstreams. */
export function chargesBy(upstreams: readonly Pick<UpstreamSettings, "name" | "prices" | "disconnect">[]): ChargeOf {
  const byName = new Map(upstreams.map((upstream) => [upstream.name, upstream]));
  return ({ provider, model }, usage) => {
    const upstream = byName.get(provider);
    if (upstream === undefined || (usage.source === UsageSource.PARTIAL && upstream.disconnect === "none")) return undefined;
    const price = priceOf(upstream.prices, model);
    return price && costOf(price, usage);
  };
}
