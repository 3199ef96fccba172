import { isFieldSet, toJson } from "@bufbuild/protobuf";
import { ModelOptionsSchema, type ModelOptions } from "../../gen/parley/config/v1/config_pb.ts";
import { ChatRequestSchema } from "../../gen/parley/v1/chat_pb.ts";
import type { LoadedConfig } from "../config.ts";
import { limits, type LimitName } from "../core/limits.ts";
import type { RouteSettings, RouteTarget } from "../core/routes.ts";
import type { Secret } from "../core/secret.ts";
import type { UpstreamSettings } from "../core/upstreams.ts";
import { withoutCredentials } from "../environment/values.ts";

/** What a configuration was understood as and where each value comes from, a line a value, for people; secrets are `***`. */
export function describeConfig(loaded: LoadedConfig): string {
  const rows = [...settingRows(loaded), ...surroundingRows(loaded), ...limitRows(loaded)].map(
    ([path, value]) => [path, shown(value), originOf(path, loaded.origins)] as const,
  );
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map(([path, value, origin]) => `${path.padEnd(widths[0] ?? 0)}  ${value.padEnd(widths[1] ?? 0)}  ${origin}`).join("\n");
}

/** What set a value; a row that sums up several keys comes from where the first of them does. */
function originOf(path: string, origins: ReadonlyMap<string, string>): string {
  const below = () => [...origins.keys()].find((key) => key.startsWith(`${path}.`) || key.startsWith(`${path}[`));
  return origins.get(path) ?? origins.get(below() ?? "") ?? origins.get(usualOf(path)) ?? "default";
}

/** Where the default stands of what an upstream may say by itself. */
function usualOf(path: string): string {
  return path.endsWith(".clientKeys") ? "clientKeys" : path;
}

type Value = string | number | boolean | readonly string[] | Secret | undefined;
type Row = readonly [path: string, value: Value];

function settingRows({ settings, config }: LoadedConfig): Row[] {
  return [
    ["http.host", settings.host],
    ["http.port", settings.port],
    ["http.morePorts", settings.morePorts.map(String)],
    ["http.open", settings.open],
    ["http.keysFile", settings.keysFile],
    ["http.adminPort", settings.adminPort],
    ["http.tls.certFile", settings.tls?.certFile],
    ["http.tls.keyFile", settings.tls?.keyFile],
    ["http.tls.clientCaFile", settings.tls?.clientCaFile],
    ["http.tls.clientCertificates", settings.tls?.clientCertificates],
    ["http.hosts", settings.hosts],
    ["http.cors.origins", settings.corsOrigins],
    ["http.reflection", settings.reflection],
    ["http.openai.refuseUnknownFields", settings.openai.refusesUnknown],
    ["http.openai.thinking", settings.openai.thinking],
    ["media.allow", settings.mediaHosts],
    ["models.directory", settings.modelsDirectory],
    ["models.mirror", settings.modelMirror],
    ["models.defaultModel", settings.defaultModel],
    ["models.defaultProvider", settings.defaultProvider],
    ["models.dataDirectory", settings.dataDirectory],
    ["models.memoryBytes", settings.memoryBytes],
    ["models.gpuMemoryBytes", settings.gpuMemoryBytes],
    ...Object.entries(settings.modelOptions).flatMap(([id, options]) => optionRows(`models.options.${id}`, options)),
    ["aliases", Object.entries(settings.aliases).map(([name, target]) => `${name}=${target}`)],
    ["clientKeys", config.clientKeys ?? false],
    ...settings.upstreams.flatMap((upstream, index) => upstreamRows(upstream, `upstreams[${index}]`)),
    ...settings.routes.flatMap((route, index) => routeRows(route, `routes[${index}]`)),
    ["fallback", settings.fallback],
    ["priceVersion", settings.priceVersion],
    ["engine.gpu", settings.gpu],
    ["engine.defaultMaxTokens", settings.defaultMaxTokens],
    ["engine.defaultTemperature", settings.defaultTemperature],
    ["telemetry.logLevel", settings.logLevel],
    ["telemetry.logFile", settings.logFile],
    ["telemetry.metrics", settings.metrics],
    ["telemetry.openMetrics", settings.openMetrics],
    ["telemetry.appName", settings.appName],
    ["telemetry.version", settings.version],
  ];
}

/** What is asked of an upstream; keys are counted and never shown. */
function upstreamRows(upstream: UpstreamSettings, path: string): Row[] {
  const { times, headers, prices, quirks } = upstream;
  const limit = upstream.concurrency;
  return [
    [`${path}.name`, upstream.name],
    [`${path}.kind`, upstream.kind],
    [`${path}.baseUrl`, upstream.baseUrl],
    [`${path}.apiKeys`, upstream.apiKeys.map(String)],
    [`${path}.defaultModel`, upstream.defaultModel === "" ? "whatever it serves" : upstream.defaultModel],
    [`${path}.timeoutSeconds`, times.wholeMs / 1000],
    [`${path}.connectSeconds`, times.connectMs / 1000],
    [`${path}.firstTokenSeconds`, times.firstTokenMs / 1000],
    [`${path}.idleSeconds`, times.idleMs / 1000],
    [`${path}.totalSeconds`, times.totalMs / 1000],
    [`${path}.disconnect`, upstream.disconnect],
    [`${path}.clientKeys`, upstream.takesCallerKeys],
    [`${path}.unknownModels`, upstream.unknownModels],
    ...(limit === undefined ? [] : [[`${path}.concurrency`, limit] as const]),
    ...(upstream.models.length === 0 ? [] : [[`${path}.models`, upstream.models] as const]),
    ...Object.keys(headers).map((name) => [`${path}.headers.${name}`, "***"] as const),
    ...Object.entries(prices).map(
      ([model, { prompt, completion }]) => [`${path}.prices.${model}`, `${prompt} in, ${completion} out`] as const,
    ),
    ...Object.entries(quirks).map(([name, value]) => [`${path}.quirks.${name}`, value] as const),
  ];
}

function routeRows({ model, targets, hedge, rescue }: RouteSettings, path: string): Row[] {
  return [
    [`${path}.model`, model],
    ...targets.map((target, index) => [`${path}.targets[${index}]`, targetText(target)] as const),
    ...(hedge === undefined ? [] : [[`${path}.hedgeAfterMs`, `${hedge.afterMs}, for at most ${hedge.percent} % of the calls`] as const]),
    ...(rescue === undefined ? [] : [[`${path}.rescue.attempts`, rescue.attempts] as const]),
  ];
}

/** A place of a route with what is special of it; of its parameters, which may hold a caller's words, the names alone. */
function targetText({ upstream, model, weight, key, contextLength, parameters }: RouteTarget): string {
  const names = parameters === undefined ? [] : ChatRequestSchema.fields.filter((field) => isFieldSet(parameters, field));
  const more = [
    ...(weight === undefined ? [] : [`weight ${weight}`]),
    ...(key === undefined ? [] : [`key ${key}`]),
    ...(contextLength === undefined ? [] : [`context ${contextLength}`]),
    ...(names.length === 0 ? [] : [`with ${names.map(({ jsonName }) => jsonName).join(" and ")}`]),
  ];
  return [`${upstream}/${model}`, ...more].join(", ");
}

/** A text such as a template is cut to the width of a line. */
function optionRows(path: string, options: ModelOptions): Row[] {
  const line = (value: unknown) => String(value).replaceAll(/\s+/g, " ").slice(0, 60);
  return Object.entries(toJson(ModelOptionsSchema, options) ?? {}).map(([name, value]): Row => [`${path}.${name}`, line(value)]);
}

function surroundingRows({ hub, proxy, tracing, keys }: LoadedConfig): Row[] {
  return [
    ["keys.given", keys.map(({ key }) => String(key))],
    ["hub.endpoint", hub.endpoint],
    ["hub.token", hub.token],
    ["tracing.endpoint", tracing.isOn ? `on, ${tracing.protocol}` : "off"],
    ["proxy.https", proxy.https],
    ["proxy.http", proxy.http],
    ["proxy.none", proxy.none],
  ];
}

/** Limits that somebody set; the rest are the README's table. */
function limitRows({ limits: values, origins }: LoadedConfig): Row[] {
  return (Object.keys(limits) as LimitName[])
    .map((name): Row => [`limits.values.${name}`, `${values[name]} ${limits[name].unit}`])
    .filter(([path]) => origins.has(path));
}

function shown(value: Value): string {
  if (value === undefined) return "-";
  return withoutCredentials(String(value)) || "-";
}
