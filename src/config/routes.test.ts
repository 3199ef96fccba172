import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadConfig } from "../config.ts";
import { describeConfig } from "./describe.ts";
import { checkParts } from "../service-check.ts";
import { startServer } from "../service.ts";
import { silentLog } from "../telemetry/log.ts";
import { sharedFolder } from "../testing/temporary-folder.ts";

const folder = sharedFolder();

let files = 0;
function load(text: string, environment: Record<string, string> = {}) {
  const file = join(folder, `${(files += 1)}.yaml`);
  writeFileSync(file, text);
  return loadConfig({ file, environment });
}
const upstreams = "upstreams: [{name: a, kind: vllm, api_keys: [k1, k2]}, {name: b, kind: vllm}]";
const route = (targets: string, more = "") => `${upstreams}\nroutes: [{model: m, targets: [${targets}]${more}}]`;

describe("a route", () => {
  it("says all that it can", () => {
    const text = route(
      "{upstream: a, model: x/y, weight: 3, key: 2, context_length: 8192, parameters: {sampling: {temperature: 0.2}, max_tokens: 512}}, {upstream: b}, {upstream: llama-cpp, model: tiny}, {upstream: echo}",
      ", hedge_after_ms: 500, rescue: {}",
    );
    const [{ targets, ...how } = { targets: [] }] = load(text).settings.routes;
    expect(how).toEqual({ model: "m", hedge: { afterMs: 500, percent: 5 }, rescue: { attempts: 2 } });
    expect(targets.map(({ upstream, model, weight, key, contextLength }) => [upstream, model, weight, key, contextLength])).toEqual([
      ["a", "x/y", 3, 2, 8192],
      ["b", "m", undefined, undefined, undefined],
      ["llama-cpp", "tiny", undefined, undefined, undefined],
      ["echo", "echo", undefined, undefined, undefined],
    ]);
    expect(targets[0]?.parameters).toMatchObject({ maxTokens: 512, sampling: { temperature: 0.2 } });
    expect(targets[1]?.parameters).toBeUndefined();
    const shown = describeConfig(load(text))
      .split("\n")
      .map((line) => line.split(/ {2,}/).slice(0, 2));
    expect(shown).toContainEqual(["routes[0].targets[0]", "a/x/y, weight 3, key 2, context 8192, with sampling and maxTokens"]);
    expect(shown).toContainEqual(["routes[0].hedgeAfterMs", "500, for at most 5 % of the calls"]);
    expect(shown).toContainEqual(["routes[0].rescue.attempts", "2"]);
  });

  it("may name an upstream that only a variable makes", () => {
    const file = "routes: [{model: m, targets: [{upstream: openai, key: 2}]}]";
    expect(load(file, { OPENAI_API_KEY: "k1,k2" }).settings.routes).toHaveLength(1);
    expect(() => load(file, { OPENAI_API_KEY: "k1" })).toThrow("routes[0].targets[0].key: 2 is more than the keys that openai has, 1");
  });

  it.each([
    ["{upstream: c}", 'routes[0].targets[0].upstream: there is no upstream "c"; known are llama-cpp, echo, a, b'],
    ["{upstream: ''}", "routes[0].targets[0].upstream: must name an upstream"],
    ["{upstream: a}, {upstream: a, key: 3}", "routes[0].targets[1].key: 3 is more than the keys that a has, 2"],
    ["{upstream: b, key: 1}", "routes[0].targets[0].key: 1 is more than the keys that b has, 0"],
    ["{upstream: a, key: 0}", "routes[0].targets[0].key: 0 is outside 1 to"],
    ["{upstream: a, weight: -1}", "routes[0].targets[0].weight: -1 is outside 0 to 1000000"],
    ["{upstream: a, context_length: 0}", "routes[0].targets[0].contextLength: 0 is outside 1 to"],
    ["{upstream: a, model: ../x}", "routes[0].targets[0].model:"],
    ["{upstream: a, parameters: {temperature: 1}}", "routes[0].targets[0].parameters: temperature: there is no such key"],
    ["{upstream: a, parameters: {max_token: 1}}", "parameters: max_token: there is no such key; did you mean maxTokens"],
    [
      "{upstream: a, parameters: {sampling: {temprature: 1}}}",
      "routes[0].targets[0].parameters: sampling.temprature: there is no such key; did you mean temperature",
    ],
    ["{upstream: a, parameters: {maxTokens: s3cret}}", "routes[0].targets[0].parameters: maxTokens: must be a whole number"],
    ["{upstream: a, parameters: {maxTokens: 1, max_tokens: 2}}", "parameters: max_tokens: given twice"],
    ["{upstream: a, parameters: {priority: s3cret}}", "parameters: priority: must be"],
    ["{upstream: a, parameters: [1]}", "parameters: must be a map"],
    ...["model", "messages", "provider", "raw_prompt", "idempotency_key"].map((key) => [
      `{upstream: a, parameters: {${key}: s3cret}}`,
      `routes[0].targets[0].parameters: ${key} belongs to the caller`,
    ]),
  ])("is refused by its key: %s", (targets = "", message = "") => {
    expect(() => load(route(targets))).toThrow(message);
    expect(() => load(route(targets))).not.toThrow(/s3cret/);
  });

  it.each([
    [", hedge_after_ms: 0", "routes[0].hedgeAfterMs: 0 is outside 1 to 600000 ms"],
    [", hedge_after_ms: 1, hedge_percent: 101", "routes[0].hedgePercent: 101 is outside 1 to 100 %"],
    [", hedge_percent: 5", "routes[0].hedgePercent: says nothing without hedgeAfterMs"],
    [", rescue: {attempts: 9}", "routes[0].rescue.attempts: 9 is outside 1 to 8"],
  ])("is refused for what it asks of all targets:%s", (more, message) => {
    expect(() => load(route("{upstream: a}", more))).toThrow(message);
  });

  it("has a name of its own, and a target", () => {
    expect(() => load("routes: [{model: a, targets: []}]")).toThrow("routes[0].targets: must name at least one target");
    expect(() => load("routes: [{model: ../a, targets: [{upstream: echo}]}]")).toThrow('routes[0].model: "../a" cannot be');
    const twice = "routes: [{model: a, targets: [{upstream: echo}]}, {model: a, targets: [{upstream: echo}]}]";
    expect(() => load(twice)).toThrow('routes[1].model: there is a route for "a" already');
  });
});

it.each([
  [route("{upstream: a, parameters: {sampling: {temperature: 99}}}"), /routes\[0\]\.targets\[0\]\.parameters: sampling\.temperature /],
  ["upstreams: [{name: a, kind: vllm, quirks: {nobody: knows}}]", /upstreams\[0\]: quirks\.nobody: there is no such quirk/],
  [
    "upstreams: [{name: a, kind: parley, base_url: 'h:1', quirks: {q: v}}]",
    /upstreams\[0\]: quirks\.q: upstreams of the kind parley have no quirks/,
  ],
])("what only the parts can judge is refused when they are made: %s", async (text, message) => {
  const loaded = load(text);
  await expect(checkParts(loaded)).rejects.toThrow(message);
  await expect(startServer(loaded, { log: silentLog })).rejects.toThrow(message);
});

it("a list of fallbacks names what there is, once", () => {
  expect(load(`${upstreams}\nfallback: [b, llama-cpp, echo]`).settings.fallback).toEqual(["b", "llama-cpp", "echo"]);
  expect(() => load(`${upstreams}\nfallback: [c]`)).toThrow('fallback[0]: there is no upstream "c"');
  expect(() => load(`${upstreams}\nfallback: [b, b]`)).toThrow("fallback[1]: b is there twice");
});
