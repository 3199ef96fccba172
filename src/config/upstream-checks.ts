import type { Config, Price, Upstream } from "../../gen/parley/config/v1/config_pb.ts";
import { isKey, longestKey } from "../core/callers-key.ts";
import { isLoopbackHost } from "../core/loopback.ts";
import { isModelId } from "../core/model-id.ts";
import { headerProblem } from "../core/own-headers.ts";
import { disconnectPolicies, unknownModelsPolicies, upstreamKinds, type UpstreamKind } from "../core/upstreams.ts";
import { nearest } from "../environment/nearest.ts";
import { defaultHost, defaultPort } from "./default-address.ts";
import { range, type Problem } from "./problem.ts";
import { upstreamKindFrom, upstreamKindRow } from "../core/upstream-kinds.ts";

const day = 86_400;
const hour = 3600;
const leastSeconds = 0.001;

/** Names that mean something else where an upstream's is expected. */
const reservedNames: readonly string[] = ["llama-cpp", "echo", "local", "stub", "auto", "none"];

/** What is wrong with the upstreams of a configuration, each seen alone. */
export function* upstreamsProblems(upstreams: readonly Upstream[]): Generator<Problem> {
  for (const [index, upstream] of upstreams.entries()) {
    const path = `upstreams[${index}]`;
    yield* nameProblems(upstream, path);
    if (upstreams.slice(0, index).some(({ name }) => name === upstream.name))
      yield { path: `${path}.name`, what: `there is an upstream ${JSON.stringify(upstream.name)} already` };
    yield* placeProblems(upstream, path);
    yield* valueProblems(upstream, path);
    yield* headerProblems(upstream.headers, path);
    for (const [model, price] of Object.entries(upstream.prices)) yield* priceProblems(price, `${path}.prices.${model}`);
  }
}

/** What is wrong with upstreams once variables have said their part: what must be there and is not. */
export function* missingProblems(config: Pick<Config, "upstreams" | "http" | "clientKeys">): Generator<Problem> {
  const { upstreams, http } = config;
  for (const [index, { name, kind, baseUrl, apiKeys, clientKeys = config.clientKeys === true }] of upstreams.entries()) {
    const row = upstreamKindRow(upstreamKindFrom(kind) ?? "openai");
    const place = baseUrl?.replace(/\/+$/, "") ?? row.baseUrl;
    if (place === undefined)
      yield { path: `upstreams[${index}].baseUrl`, what: `the upstream ${name} needs one${variableOf(kind, "baseUrl")}` };
    if (place !== undefined && isOwnAddress(place, http ?? {}))
      yield {
        path: `upstreams[${index}].baseUrl`,
        what: `${place} is where this service itself answers, which would ask itself without end: change it, or the service's own port`,
      };
    const isOpen = apiKeys.length > 0 || clientKeys || !row.needsKey;
    if (!isOpen && place === row.baseUrl)
      yield { path: `upstreams[${index}].apiKeys`, what: `the upstream ${name} needs a key${variableOf(name, "apiKeys")}` };
  }
}

/** Whether a base URL is where this service listens. Names of this machine in a network are not looked up: what leads back by them is stopped by `limits.maxHops`. */
function isOwnAddress(
  place: string,
  { host = defaultHost, port = defaultPort }: { readonly host?: string | undefined; readonly port?: number | undefined },
): boolean {
  const url = URL.parse(place.includes("://") ? place : `http://${place}`);
  const asked = url?.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url?.port);
  if (url === null || port === 0 || asked !== port) return false;
  const own = bareHost(host);
  const isAnywhere = own === "0.0.0.0" || own === "::";
  const isLoopback = isLoopbackHost(url.hostname) || bareHost(url.hostname) === "0.0.0.0";
  return isLoopback ? isAnywhere || isLoopbackHost(own) : bareHost(url.hostname) === own;
}

function bareHost(host: string): string {
  return host.replace(/^\[(.*)\]$/, "$1").toLowerCase();
}

const advice: Readonly<Record<string, string>> = {
  "raw.baseUrl": "LLM_RAW_URL",
  "openai.apiKeys": "LLM_OPENAI_API_KEY or OPENAI_API_KEY",
  "anthropic.apiKeys": "LLM_ANTHROPIC_API_KEY or ANTHROPIC_API_KEY",
  "huggingface.apiKeys": "LLM_HUGGINGFACE_API_KEY, HUGGINGFACE_API_KEY or HF_TOKEN",
};

function variableOf(name: string, key: string): string {
  const variable = advice[`${name}.${key}`];
  return variable === undefined ? "" : `: set ${variable}, or say it in the configuration file`;
}

function* nameProblems({ name, kind }: Upstream, path: string): Generator<Problem> {
  if (!/^[a-z0-9][a-z0-9-]{0,63}$/.test(name))
    yield { path: `${path}.name`, what: `${JSON.stringify(name)} is no name: 1 to 64 lower-case letters, digits and "-"` };
  else if (reservedNames.includes(name)) yield { path: `${path}.name`, what: `${name} means something else: choose another name` };
  if (upstreamKindFrom(kind) !== undefined) return;
  const near = nearest(kind, upstreamKinds);
  const known = near === undefined ? `known are ${upstreamKinds.join(", ")}` : `did you mean ${near}`;
  yield { path: `${path}.kind`, what: `there is no kind ${JSON.stringify(kind)}; ${known}` };
}

function* placeProblems({ kind, baseUrl, apiKeys }: Upstream, path: string): Generator<Problem> {
  if (baseUrl !== undefined) {
    const what = baseUrlProblem(upstreamKindFrom(kind), baseUrl);
    if (what !== undefined) yield { path: `${path}.baseUrl`, what };
  }
  for (const [index, key] of apiKeys.entries()) {
    const at = `${path}.apiKeys[${index}]`;
    if (!isKey(key)) yield { path: at, what: `is no key: 1 to ${longestKey} printable characters without spaces` };
    if (apiKeys.indexOf(key) < index) yield { path: at, what: "is there twice" };
  }
}

/** The address itself is not told: it may hold a password. */
function baseUrlProblem(kind: UpstreamKind | undefined, text: string): string | undefined {
  if (kind === "parley" && /^(?:[\w.-]+|\[[\da-f:.]+\]):\d{1,5}$/i.test(text)) return undefined;
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text))
    return kind === "parley" ? "must be host:port, or a URL with http or https" : "must be a URL with http or https";
  const { username, password } = new URL(text);
  if (username !== "" || password !== "") return "must hold no user or password: keys belong into apiKeys";
  return /[?#]/.test(text) ? "must have neither a query nor a fragment" : undefined;
}

function* valueProblems(upstream: Upstream, path: string): Generator<Problem> {
  yield* range(`${path}.timeoutSeconds`, upstream.timeoutSeconds, [leastSeconds, day, " s"]);
  yield* range(`${path}.connectSeconds`, upstream.connectSeconds, [leastSeconds, hour, " s"]);
  yield* range(`${path}.firstTokenSeconds`, upstream.firstTokenSeconds, [leastSeconds, day, " s"]);
  yield* range(`${path}.idleSeconds`, upstream.idleSeconds, [leastSeconds, day, " s"]);
  yield* range(`${path}.totalSeconds`, upstream.totalSeconds, [leastSeconds, day, " s"]);
  yield* range(`${path}.concurrency`, upstream.concurrency, [1, 1_000_000]);
  const { disconnect, unknownModels, defaultModel, models } = upstream;
  if (unknownModels !== undefined && !unknownModelsPolicies.some((policy) => policy === unknownModels))
    yield { path: `${path}.unknownModels`, what: `must be one of ${unknownModelsPolicies.join(", ")}` };
  if (disconnect !== undefined && !disconnectPolicies.some((policy) => policy === disconnect))
    yield { path: `${path}.disconnect`, what: `must be one of ${disconnectPolicies.join(", ")}` };
  if (defaultModel !== undefined && !isModelId(defaultModel))
    yield { path: `${path}.defaultModel`, what: `${JSON.stringify(defaultModel)} cannot be a model's name` };
  for (const [index, model] of models.entries())
    if (!isModelId(model)) yield { path: `${path}.models[${index}]`, what: `${JSON.stringify(model)} cannot be a model's name` };
}

const mostPrice = 1_000_000;

function* priceProblems({ prompt, completion, cached, cacheWrite }: Price, path: string): Generator<Problem> {
  yield* range(`${path}.prompt`, prompt, [0, mostPrice]);
  yield* range(`${path}.completion`, completion, [0, mostPrice]);
  yield* range(`${path}.cached`, cached, [0, mostPrice]);
  yield* range(`${path}.cacheWrite`, cacheWrite, [0, mostPrice]);
}

function* headerProblems(headers: Readonly<Record<string, string>>, path: string): Generator<Problem> {
  const seen = new Set<string>();
  for (const [name, value] of Object.entries(headers)) {
    const lower = name.toLowerCase();
    const what = headerProblem(name, value) ?? (seen.has(lower) ? "is there twice, in two spellings" : undefined);
    if (what !== undefined) yield { path: /^[\w-]{1,256}$/.test(name) ? `${path}.headers.${name}` : `${path}.headers`, what };
    seen.add(lower);
  }
}
