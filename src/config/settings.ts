import { homedir, platform } from "node:os";
import { join, resolve } from "node:path";
import about from "../../package.json" with { type: "json" };
import { create } from "@bufbuild/protobuf";
import {
  EngineSchema,
  HttpSchema,
  ModelsSchema,
  TelemetrySchema,
  type Config,
  type Http,
  type ModelOptions,
} from "../../gen/parley/config/v1/config_pb.ts";
import { gpuFrom, type Gpu } from "../core/gpus.ts";
import { resolveLimits, type Limits } from "../core/limits.ts";
import { thinkingWords, usualDialect, type OpenAIDialectOptions } from "../core/openai-dialect.ts";
import type { Variables } from "../core/child-environment.ts";
import { textOf } from "../environment/text-of.ts";
import { logLevelFrom, type LogLevel } from "../environment/values.ts";
import type { RouteSettings } from "../core/routes.ts";
import type { UpstreamSettings } from "../core/upstreams.ts";
import { defaultHost, defaultPort } from "./default-address.ts";
import { providerNameFrom } from "./checks.ts";
import { tlsFilesOf, type TlsFiles } from "./tls-settings.ts";
import { waitForAllMs, routesOf, upstreamsOf } from "./upstream-settings.ts";

/** A configuration with its defaults filled in; what is still undefined is derived where it is used. */
export interface Settings {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Where the same answers too. */
  readonly morePorts: readonly number[];
  /** Whether callers without keys are served, beyond loopback too. */
  readonly open: boolean;
  /** Absolute. */
  readonly keysFile: string;
  /** Whether it was named: then it must be there. */
  readonly isKeysFileNamed: boolean;
  /** What keys are hashed with; absolute. */
  readonly pepperFile: string;
  /** Where probes and metrics answer too; 0 takes a free one. */
  readonly adminPort: number | undefined;
  /** Undefined: without TLS. */
  readonly tls: TlsFiles | undefined;
  /** Names that requests may ask for; `*` stands for any. */
  readonly hosts: readonly string[];
  /** Exact origins of web pages that may call. */
  readonly corsOrigins: readonly string[];
  /** Hosts that media of requests may be fetched from; none: nothing is fetched. */
  readonly mediaHosts: readonly string[];
  /** Whether the services describe themselves to gRPC clients. */
  readonly reflection: boolean;
  /** How OpenAI's clients are answered where servers differ. */
  readonly openai: OpenAIDialectOptions;
  /** Absolute. */
  readonly modelsDirectory: string;
  /** Absolute folder, or a URL; asked for models first. */
  readonly modelMirror: string | undefined;
  readonly defaultModel: string | undefined;
  /** auto, llama-cpp, echo, or an upstream's name. */
  readonly defaultProvider: string;
  /** Absolute. */
  readonly dataDirectory: string;
  /** Memory that loaded models may take in all; undefined: most of what is free. */
  readonly memoryBytes: number | undefined;
  /** The same of all GPUs. */
  readonly gpuMemoryBytes: number | undefined;
  /** How single models are loaded, by id. */
  readonly modelOptions: Readonly<Record<string, ModelOptions>>;
  readonly aliases: Readonly<Record<string, string>>;
  readonly upstreams: readonly UpstreamSettings[];
  readonly routes: readonly RouteSettings[];
  /** Names of upstreams, or llama-cpp, or echo, that are tried in this order when a model's own targets have failed. */
  readonly fallback: readonly string[];
  /** Version of the prices; empty where none was said. */
  readonly priceVersion: string;
  readonly gpu: Gpu;
  readonly defaultMaxTokens: number | undefined;
  readonly defaultTemperature: number | undefined;
  readonly logLevel: LogLevel;
  /** Absolute. */
  readonly logFile: string | undefined;
  readonly metrics: boolean;
  /** Whether /metrics needs no key on the main port. */
  readonly openMetrics: boolean;
  readonly appName: string;
  readonly version: string;
}

/** Version of the package. */
export const packageVersion: string = about.version;

/** Folder that holds package.json. */
export const packageRoot: string = resolve(import.meta.dirname, "../..");

/** Fills in the defaults of a configuration that was checked. */
export function settingsOf(config: Config, variables: Variables): { readonly settings: Settings; readonly limits: Limits } {
  const dataDirectory = resolve(config.models?.dataDirectory ?? platformDataFolder({ platform: platform(), home: homedir(), variables }));
  return {
    settings: {
      ...doorSettings(config),
      ...keySettings(config, dataDirectory),
      ...modelSettings(config, dataDirectory),
      ...remoteSettings(config),
      ...telemetrySettings(config),
    },
    limits: limitsOf(config),
  };
}

/** A call whose answer comes whole is given time for every upstream it may ask: the limit of an attempt must be reached before the call's, or nobody else would be asked. A limit of all calls that was configured stays. */
function limitsOf(config: Config): Limits {
  const given = config.limits?.values ?? {};
  const limits = resolveLimits(given);
  const unaryCallMs = Math.max(limits.unaryCallMs, waitForAllMs(upstreamsOf(config)));
  const callMs = given["callMs"] === undefined ? Math.max(limits.callMs, unaryCallMs) : limits.callMs;
  return { ...limits, unaryCallMs, callMs };
}

function remoteSettings(config: Config) {
  const { fallback, priceVersion = "" } = config;
  return { upstreams: upstreamsOf(config), routes: routesOf(config), fallback, priceVersion };
}

function doorSettings({ http = create(HttpSchema), media }: Config) {
  const { host = defaultHost, port = defaultPort, open = false, reflection = true, cors } = http;
  return {
    host: host.replace(/^\[(.*)\]$/, "$1"),
    port,
    morePorts: [...new Set(http.morePorts)].filter((other) => other !== port && other !== http.adminPort),
    open,
    tls: tlsFilesOf(http),
    hosts: http.hosts.map((name) => name.toLowerCase()),
    reflection,
    openai: openaiSettings(http.openai),
    corsOrigins: cors?.origins ?? [],
    mediaHosts: media?.allow ?? [],
  };
}

function openaiSettings(openai: Http["openai"]): OpenAIDialectOptions {
  const thinking = thinkingWords.find((word) => word === openai?.thinking) ?? usualDialect.thinking;
  return { thinking, refusesUnknown: openai?.refuseUnknownFields ?? usualDialect.refusesUnknown };
}

function keySettings({ http }: Config, dataDirectory: string) {
  const folder = join(dataDirectory, "keys");
  const keysFile = resolve(http?.keysFile ?? join(folder, "keys.json"));
  return { keysFile, isKeysFileNamed: http?.keysFile !== undefined, pepperFile: join(folder, "pepper"), adminPort: http?.adminPort };
}

function modelSettings({ models = create(ModelsSchema), engine = create(EngineSchema), aliases }: Config, dataDirectory: string) {
  const { directory, mirror, defaultModel, defaultProvider = "auto", options, memoryBytes, gpuMemoryBytes } = models;
  const { gpu = "auto", defaultMaxTokens, defaultTemperature } = engine;
  return {
    modelsDirectory: resolve(directory ?? join(packageRoot, "models")),
    modelMirror: mirror,
    defaultModel,
    defaultProvider: providerNameFrom(defaultProvider),
    dataDirectory,
    memoryBytes: memoryBytes === undefined ? undefined : Number(memoryBytes),
    gpuMemoryBytes: gpuMemoryBytes === undefined ? undefined : Number(gpuMemoryBytes),
    modelOptions: options,
    aliases,
    gpu: gpuFrom(gpu) ?? "auto",
    defaultMaxTokens,
    defaultTemperature,
  };
}

function telemetrySettings({ telemetry = create(TelemetrySchema) }: Config) {
  const { logLevel = "info", logFile, metrics = true, openMetrics = false, appName = about.name, version = about.version } = telemetry;
  return { logLevel: logLevelFrom(logLevel) ?? "info", logFile, metrics, openMetrics, appName, version };
}

/** Where programs keep data that is theirs, on this platform. */
export function platformDataFolder(of: { readonly platform: string; readonly home: string; readonly variables: Variables }): string {
  const { home, variables } = of;
  if (of.platform === "darwin") return join(home, "Library", "Application Support", about.name);
  if (of.platform === "win32") return join(textOf(variables, "LOCALAPPDATA") ?? join(home, "AppData", "Local"), about.name);
  return join(textOf(variables, "XDG_DATA_HOME") ?? join(home, ".local", "share"), about.name);
}
