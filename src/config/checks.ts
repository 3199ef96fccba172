import { isIP } from "node:net";
import { create } from "@bufbuild/protobuf";
import { ModelsSchema, type Config, type ModelOptions } from "../../gen/parley/config/v1/config_pb.ts";
import { gpuFrom, gpus } from "../core/gpus.ts";
import { limits, type LimitName } from "../core/limits.ts";
import { loadProblems } from "../core/load-choices.ts";
import { isMediaHost } from "../core/media-url.ts";
import { isModelId } from "../core/model-id.ts";
import { thinkingWords } from "../core/openai-dialect.ts";
import { fault } from "../core/reasons.ts";
import { nearest } from "../environment/nearest.ts";
import { isWebUrl, logLevelFrom, logLevels } from "../environment/values.ts";
import { range, type Problem } from "./problem.ts";
import { referenceProblems, routesProblems } from "./route-checks.ts";
import { missingTlsProblems, tlsProblems } from "./tls-settings.ts";
import { missingProblems, upstreamsProblems } from "./upstream-checks.ts";

/** Names a setting for people by what set it: a variable, a flag, or a key of a file. */
export type Blame = (path: string) => string;

/** What answers when a request names no provider, beside upstreams by their names. */
const defaultProviders: readonly string[] = ["auto", "llama-cpp", "echo"];

const providerSynonyms: Readonly<Record<string, string>> = { local: "llama-cpp", stub: "echo" };

/** The provider that a name means, in lower case; `local` and `stub` are other names. */
export function providerNameFrom(text: string): string {
  const lower = text.toLowerCase();
  return (Object.hasOwn(providerSynonyms, lower) ? providerSynonyms[lower] : undefined) ?? lower;
}

/** Refuses what a configuration must not say. Throws `invalid_request` for the first problem, with every key named by `blame`. A file alone is no whole yet: variables may bring what it names. */
export function checkConfig(config: Config, blame: Blame, isWhole = true): void {
  const [problem] = isWhole ? wholeProblems(config) : problems(config);
  if (problem !== undefined) throw fault("invalid_request", `${blame(problem.path)}: ${problem.what}`);
}

function* wholeProblems(config: Config): Generator<Problem> {
  yield* problems(config);
  const name = config.models?.defaultProvider;
  if (name !== undefined && !isProvider(name, config)) yield { path: "models.defaultProvider", what: providerProblem(name, config) };
  yield* missingTlsProblems(config);
  yield* missingProblems(config);
  yield* referenceProblems(config);
}

function* problems(config: Config): Generator<Problem> {
  yield* httpProblems(config);
  yield* tlsProblems(config);
  yield* nameProblems(config);
  yield* modelsProblems(config);
  yield* upstreamsProblems(config.upstreams);
  yield* routesProblems(config.routes);
  yield* aliasProblems(config);
  yield* engineProblems(config);
  yield* limitProblems(config);
  yield* dialectProblems(config);
  yield* mediaProblems(config);
  const level = config.telemetry?.logLevel;
  if (level !== undefined && logLevelFrom(level) === undefined)
    yield { path: "telemetry.logLevel", what: `must be one of ${logLevels.join(", ")}` };
}

function* httpProblems({ http }: Config): Generator<Problem> {
  yield* portProblems(http);
  if (http?.host !== undefined && !isHost(http.host))
    yield { path: "http.host", what: "must be an address or a host name, without a port" };
  for (const origin of http?.cors?.origins ?? []) {
    if (isOrigin(origin)) continue;
    yield { path: "http.cors.origins", what: `${JSON.stringify(origin)} is no exact origin such as https://chat.example` };
  }
}

function* portProblems(http: Config["http"]): Generator<Problem> {
  yield* range("http.port", http?.port, [0, 65_535]);
  yield* range("http.adminPort", http?.adminPort, [0, 65_535]);
  for (const port of http?.morePorts ?? []) yield* range("http.morePorts", port, [1, 65_535]);
}

function* nameProblems({ http }: Config): Generator<Problem> {
  for (const name of http?.hosts ?? []) {
    if (name === "*" || isHost(name)) continue;
    yield { path: "http.hosts", what: `${JSON.stringify(name)} is no host name or address without a port, and not "*"` };
  }
}

function* modelsProblems({ models = create(ModelsSchema) }: Config): Generator<Problem> {
  const { defaultModel, mirror } = models;
  if (defaultModel !== undefined && !isModelId(defaultModel))
    yield {
      path: "models.defaultModel",
      what: `${JSON.stringify(defaultModel)} cannot be a model's name; give the id that "parley models list" shows`,
    };
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

function isProvider(name: string, { upstreams }: Config): boolean {
  const meant = providerNameFrom(name);
  return defaultProviders.includes(meant) || upstreams.some((upstream) => upstream.name === meant);
}

function providerProblem(name: string, { upstreams }: Config): string {
  const names = [...defaultProviders, ...Object.keys(providerSynonyms), ...upstreams.map((upstream) => upstream.name)];
  return `there is no provider ${JSON.stringify(name)}; known are ${names.join(", ")}, and the kinds of upstreams`;
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

function* dialectProblems({ http }: Config): Generator<Problem> {
  const thinking = http?.openai?.thinking;
  if (thinking !== undefined && !thinkingWords.some((word) => word === thinking))
    yield { path: "http.openai.thinking", what: `must be one of ${thinkingWords.join(", ")}` };
}

function* mediaProblems({ media }: Config): Generator<Problem> {
  for (const entry of media?.allow ?? []) {
    if (isMediaHost(entry)) continue;
    yield { path: "media.allow", what: `${JSON.stringify(entry)} is no host by its name, such as images.example or *.cdn.example:8443` };
  }
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
