import { expect, it } from "vitest";
import { fault } from "../../core/reasons.ts";
import { plainStop } from "../../core/stops.ts";
import type { ProviderHealth } from "../../core/provider-report.ts";
import { plainTarget } from "../../testing/plain-target.ts";
import { providerList } from "./provider-list.ts";

const sick: ProviderHealth = { isAvailable: false, breaker: "open", errorRate: 0.5 };
const providers = [
  { name: "echo", kind: "echo" },
  { name: "vllm", kind: "vllm" },
  { name: "mine", kind: "openai" },
];
const names = (defaultModel: string | undefined) => ({
  defaultModel: () => defaultModel,
  resolve(name: string) {
    if (name === "gone") throw fault("model_not_found", "gone");
    return { name, stops: [plainStop(plainTarget({ provider: "mine", model: name }))] };
  },
});

it("says how upstreams fare, and that what runs here has no breaker", () => {
  const asked: string[] = [];
  const healthOf = (name: string) => (asked.push(name), sick);
  expect(providerList(names("m"), providers, { healthOf }).list()).toEqual([
    { name: "echo", kind: "echo", isAvailable: true, breaker: undefined, errorRate: undefined },
    { name: "vllm", kind: "vllm", ...sick },
    { name: "mine", kind: "openai", ...sick },
  ]);
  expect(asked).toEqual(["vllm", "mine"]);
});

it("names the default model's provider, and nobody where there is none or it leads nowhere now", () => {
  const of = (model: string | undefined) => providerList(names(model), providers, { healthOf: () => sick }).defaultProvider();
  expect([of("m"), of(undefined), of("gone")]).toEqual(["mine", "", ""]);
});
