import { isIP } from "node:net";
import { create } from "@bufbuild/protobuf";
import { ModelsSchema, type Config, type ModelOptions, type Route, type Upstream } from "../../gen/parley/config/v1/config_pb.ts";
import { gpuFrom, gpus } from "../core/gpus.ts";
import { limits, type LimitName } from "../core/limits.ts";
import { loadProblems } from "../core/load-choices.ts";
import { isModelId } from "../core/model-id.ts";
import { fault } from "../core/reasons.ts";
import { nearest } from "../environment/nearest.ts";
import { isWebUrl, logLevelFrom, logLevels } from "../environment/values.ts";

/** Something that is wrong, and with what. */
interface Problem {
  /** Path of the key, such as `http.port`. */
  readonly path: string;
  /** What is wrong, and what to do. */
  readonly what: string;
}

/** Names a setting for people by what set it: a variable, a flag, or a key of a file. */
export type Blame = (path: string) => string;

/** What answers when a request names no provider. */
export const defaultProviders = ["auto", "llama-cpp", "echo"] as const;

/** One of them. */
export type DefaultProvider = (typeof defaultProviders)[number];

const providerSynonyms: Readonly<Record<string, DefaultProvider>> = { local: "llama-cpp", stub: "echo" };

/** Kinds of upstreams that the configuration knows and this version cannot serve. */
const laterKinds: readonly string[] = ["openai", "anthropic", "ollama", "huggingface", "vllm", "lan", "parley", "raw"];

/** The provider that a name means, `local` and `stub` too; undefined when this version has none of that name. */
export function defaultProviderFrom(text: string): DefaultProvider | undefined {
  const lower = text.toLowerCase();
  const synonym = Object.hasOwn(providerSynonyms, lower) ? providerSynonyms[lower] : undefined;
  return defaultProviders.find((name) => name === lower) ?? synonym;
}

/** Refuses what a configuration must not say. Throws `invalid_request` for the first problem, with every key named by `blame`. */
export function checkConfig(config: Config, blame: Blame): void {
  const [problem] = problems(config);
  if (problem !== undefined) throw fault("invalid_request", `${blame(problem.path)}: ${problem.what}`);
}

function* problems(config: Config): Generator<Problem> {
  yield* httpProblems(config);
  yield* modelsProblems(config);
  for (const [index, upstream] of config.upstreams.entries()) yield* upstreamProblems(upstream, `upstreams[${index}]`);
  for (const [index, route] of config.routes.entries()) {
    yield* routeProblems(route, `routes[${index}]`);
    if (config.routes.slice(0, index).some(({ model }) => model === route.model))
      yield { path: `routes[${index}].model`, what: `there is a route for ${JSON.stringify(route.model)} already` };
  }
  yield* aliasProblems(config);
  yield* engineProblems(config);
  yield* limitProblems(config);
  const level = config.telemetry?.logLevel;
  if (level !== undefined && logLevelFrom(level) === undefined)
    yield { path: "telemetry.logLevel", what: `must be one of ${logLevels.join(", ")}` };
}

function* httpProblems({ http }: Config): Generator<Problem> {
  yield* range("http.port", http?.port, [0, 65_535]);
  if (http?.host !== undefined && !isHost(http.host))
    yield { path: "http.host", what: "must be an address or a host name, without a port" };
  for (const origin of http?.cors?.origins ?? []) {
    if (isOrigin(origin)) continue;
    yield { path: "http.cors.origins", what: `${JSON.stringify(origin)} is no exact origin such as https://chat.example` };
  }
}

function* modelsProblems({ models = create(ModelsSchema) }: Config): Generator<Problem> {
  const { defaultModel, defaultProvider, mirror } = models;
  if (defaultModel !== undefined && !isModelId(defaultModel))
    yield {
      path: "models.defaultModel",
      what: `${JSON.stringify(defaultModel)} cannot be a model's name; give the id that "parley models list" shows`,
    };
  if (defaultProvider !== undefined && defaultProviderFrom(defaultProvider) === undefined)
    yield { path: "models.defaultProvider", what: providerProblem(defaultProvider) };
  if (mirror?.includes("://") && !isWebUrl(mirror)) yield { path: "models.mirror", what: "must be a folder, or a URL with http or https" };
  yield* range("models.memoryBytes", optionalNumber(models.memoryBytes), [1, Number.MAX_SAFE_INTEGER]);
  yield* range("models.gpuMemoryBytes", optionalNumber(models.gpuMemoryBytes), [0, Number.MAX_SAFE_INTEGER]);
  for (const [id, options] of Object.entries(models.options)) yield* optionProblems(id, options);
}

function* optionProblems(id: string, options: ModelOptions): Generator<Problem> {
  const path = `models.options.${id}`;
  if (!isModelId(id)) yield { path, what: "cannot be a model's name" };
  for (const { key, what } of loadProblems(options)) yield { path: `${path}.${key}`, what };
}

function providerProblem(name: string): string {
  const known = `known are ${[...defaultProviders, ...Object.keys(providerSynonyms)].join(", ")}`;
  if (laterKinds.includes(name.toLowerCase())) return `${name} is not in this version; ${known}`;
  return `there is no provider ${JSON.stringify(name)}; ${known}`;
}

function* upstreamProblems({ kind }: Upstream, path: string): Generator<Problem> {
  if (laterKinds.includes(kind)) yield { path, what: `upstreams of the kind ${kind} are not in this version; remove it` };
  else
    yield {
      path: `${path}.kind`,
      what: `there is no kind ${JSON.stringify(kind)}; known are ${laterKinds.join(", ")}, none of them in this version`,
    };
}

function* routeProblems({ model, targets }: Route, path: string): Generator<Problem> {
  if (!isModelId(model)) yield { path: `${path}.model`, what: `${JSON.stringify(model)} cannot be a model's name` };
  const [target] = targets;
  if (target === undefined) yield { path: `${path}.targets`, what: "must name one target" };
  else if (targets.length > 1) yield { path: `${path}.targets`, what: "more than one target is not in this version" };
  else if (target.weight !== undefined) yield { path: `${path}.targets[0].weight`, what: "weights are not in this version; remove it" };
  else if (target.upstream !== "llama-cpp" && target.upstream !== "echo")
    yield {
      path: `${path}.targets[0].upstream`,
      what: `${JSON.stringify(target.upstream)} is not in this version; known are llama-cpp and echo`,
    };
  else if (target.model !== undefined && !isModelId(target.model))
    yield { path: `${path}.targets[0].model`, what: `${JSON.stringify(target.model)} cannot be a model's name` };
}

function* aliasProblems({ aliases }: Config): Generator<Problem> {
  for (const [name, target] of Object.entries(aliases)) {
    if (name !== "*" && !isModelId(name)) yield { path: `aliases`, what: `${JSON.stringify(name)} cannot be a model's name` };
    if (!isModelId(target))
      yield { path: `aliases`, what: `${JSON.stringify(target)}, for ${JSON.stringify(name)}, cannot be a model's name` };
    if (target === name) yield { path: `aliases`, what: `${JSON.stringify(name)} stands for itself` };
  }
}

function* engineProblems({ engine }: Config): Generator<Problem> {
  if (engine?.gpu !== undefined && gpuFrom(engine.gpu) === undefined)
    yield { path: "engine.gpu", what: `must be one of ${gpus.join(", ")}` };
  yield* range("engine.defaultMaxTokens", engine?.defaultMaxTokens, [1, 2_147_483_647]);
  yield* range("engine.defaultTemperature", engine?.defaultTemperature, [0, 2]);
}

function* limitProblems(config: Config): Generator<Problem> {
  for (const [name, value] of Object.entries(config.limits?.values ?? {})) {
    const path = `limits.values.${name}`;
    if (!Object.hasOwn(limits, name)) {
      const near = nearest(name, Object.keys(limits));
      yield {
        path,
        what: `there is no such limit; ${near === undefined ? `known are ${Object.keys(limits).join(", ")}` : `did you mean ${near}`}`,
      };
      continue;
    }
    const { min, max, unit } = limits[name as LimitName];
    yield* range(path, Number(value), [min, max, ` ${unit}`]);
  }
}

function* range(path: string, value: number | undefined, [min, max, unit = ""]: readonly [number, number, string?]): Generator<Problem> {
  if (value === undefined || (value >= min && value <= max)) return;
  yield { path, what: `${value} is outside ${min} to ${max}${unit}` };
}

function optionalNumber(value: bigint | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}

function isHost(text: string): boolean {
  const bare = text.replace(/^\[(.*)\]$/, "$1");
  return isIP(bare.replace(/%.*$/, "")) !== 0 || (/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(text) && !/^[\d.]+$/.test(text));
}

/** As a browser sends it; pages of extensions and desktop programs have schemes of their own, such as `chrome-extension://`. */
function isOrigin(text: string): boolean {
  if (/^https?:/i.test(text)) return URL.canParse(text) && new URL(text).origin === text;
  return /^[a-z][a-z0-9+.-]*:\/\/[^/?#\s*]+$/.test(text);
}
