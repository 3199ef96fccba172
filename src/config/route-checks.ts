import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import type { Config, Route, Target, Upstream } from "../../gen/parley/config/v1/config_pb.ts";
import { ChatRequestSchema, type ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import { isModelId } from "../core/model-id.ts";
import { jsonProblem } from "./json-problem.ts";
import { range, type Problem } from "./problem.ts";

/** Providers that are always there. */
const builtInProviders = ["llama-cpp", "echo"] as const;

/** What is wrong with routes, each seen alone. */
export function* routesProblems(routes: readonly Route[]): Generator<Problem> {
  for (const [index, route] of routes.entries()) {
    const path = `routes[${index}]`;
    const { model, targets } = route;
    if (!isModelId(model)) yield { path: `${path}.model`, what: `${JSON.stringify(model)} cannot be a model's name` };
    if (routes.slice(0, index).some((other) => other.model === model))
      yield { path: `${path}.model`, what: `there is a route for ${JSON.stringify(model)} already` };
    if (targets.length === 0) yield { path: `${path}.targets`, what: "must name at least one target" };
    for (const [place, target] of targets.entries()) yield* targetProblems(target, `${path}.targets[${place}]`);
    yield* range(`${path}.hedgeAfterMs`, route.hedgeAfterMs, [1, 600_000, " ms"]);
    yield* range(`${path}.hedgePercent`, route.hedgePercent, [1, 100, " %"]);
    if (route.hedgePercent !== undefined && route.hedgeAfterMs === undefined)
      yield { path: `${path}.hedgePercent`, what: "says nothing without hedgeAfterMs" };
    yield* range(`${path}.rescue.attempts`, route.rescue?.attempts, [1, 8]);
  }
}

/** What is wrong with what routes and the list of fallbacks name, once every upstream is known. */
export function* referenceProblems({ routes, fallback, upstreams }: Config): Generator<Problem> {
  for (const [index, { targets }] of routes.entries())
    for (const [place, target] of targets.entries()) yield* knownTarget(target, upstreams, `routes[${index}].targets[${place}]`);
  for (const [index, name] of fallback.entries()) {
    const path = `fallback[${index}]`;
    if (!isKnown(name, upstreams)) yield { path, what: unknown(name, upstreams) };
    if (fallback.indexOf(name) < index) yield { path, what: `${name} is there twice` };
  }
}

/** Understands a target's parameters. Throws what `fromJson` throws, whose words quote them: for checks, which say it in their own. */
export function parametersOf({ parameters }: Target): ChatRequest | undefined {
  return parameters === undefined || Object.keys(parameters).length === 0 ? undefined : fromJson(ChatRequestSchema, parameters);
}

function* targetProblems(target: Target, path: string): Generator<Problem> {
  const { model, upstream } = target;
  if (model !== undefined && !isModelId(model)) yield { path: `${path}.model`, what: `${JSON.stringify(model)} cannot be a model's name` };
  if (upstream === "") yield { path: `${path}.upstream`, what: "must name an upstream, llama-cpp or echo" };
  yield* range(`${path}.weight`, target.weight, [0, 1_000_000]);
  yield* range(`${path}.key`, target.key, [1, 1_000_000]);
  yield* range(`${path}.contextLength`, target.contextLength, [1, 2_147_483_647]);
  const what = parametersProblem(target);
  if (what !== undefined) yield { path: `${path}.parameters`, what };
}

/** What a request is about, and what belongs to one call alone. */
const callersOwn = ["model", "messages", "provider", "rawPrompt", "template", "idempotencyKey", "continueFinalMessage", "includeProgress"];

function parametersProblem(target: Target): string | undefined {
  const json: JsonObject = target.parameters ?? {};
  for (const key of Object.keys(json)) {
    const field = ChatRequestSchema.fields.find(({ name, jsonName }) => key === name || key === jsonName);
    if (field !== undefined && callersOwn.includes(field.jsonName)) return `${key} belongs to the caller`;
  }
  return (
    jsonProblem(ChatRequestSchema, json, "") ??
    (canBeRead(target) ? undefined : "are no part of a ChatRequest (proto/parley/v1/chat.proto)")
  );
}

function canBeRead(target: Target): boolean {
  try {
    parametersOf(target);
    return true;
  } catch {
    return false;
  }
}

function* knownTarget({ upstream, key }: Target, upstreams: readonly Upstream[], path: string): Generator<Problem> {
  if (!isKnown(upstream, upstreams)) {
    yield { path: `${path}.upstream`, what: unknown(upstream, upstreams) };
    return;
  }
  const keys = upstreams.find(({ name }) => name === upstream)?.apiKeys.length ?? 0;
  if (key !== undefined && key > keys) yield { path: `${path}.key`, what: `${key} is more than the keys that ${upstream} has, ${keys}` };
}

function isKnown(name: string, upstreams: readonly Upstream[]): boolean {
  return builtInProviders.some((known) => known === name) || upstreams.some((upstream) => upstream.name === name);
}

function unknown(name: string, upstreams: readonly Upstream[]): string {
  const names = [...builtInProviders, ...upstreams.map((upstream) => upstream.name)];
  return `there is no upstream ${JSON.stringify(name)}; known are ${names.join(", ")}`;
}
