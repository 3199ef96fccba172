import { existsSync } from "node:fs";
import { create, fromJson, toJson, type JsonObject } from "@bufbuild/protobuf";
import { ConfigSchema, type Config } from "../gen/parley/config/v1/config_pb.ts";
import type { Limits } from "./core/limits.ts";
import { isLoopbackHost } from "./core/loopback.ts";
import { fault } from "./core/reasons.ts";
import { checkConfig, type Blame } from "./config/checks.ts";
import { readConfigFile } from "./config/file.ts";
import { originOf, overlay, pathsOf } from "./config/overlay.ts";
import { overlayUpstreams } from "./config/overlay-upstreams.ts";
import { settingsOf, type Settings } from "./config/settings.ts";
import { surroundingsOf, type Surroundings } from "./config/surroundings.ts";
import type { Variables } from "./core/child-environment.ts";
import { readEnvironment, readFlag, type EnvironmentReading, type Setting } from "./environment/read.ts";

/** Flags of the command line that say what the configuration also says; as typed. */
export interface Flags {
  readonly host?: string | undefined;
  readonly port?: string | undefined;
  readonly open?: boolean | undefined;
  readonly modelName?: string | undefined;
  readonly modelsDir?: string | undefined;
  readonly logLevel?: string | undefined;
}

/** Where a configuration comes from; a flag beats a variable, a variable beats the file. */
export interface ConfigSources {
  /** YAML or JSON. */
  readonly file?: string | undefined;
  readonly environment: Variables;
  readonly flags?: Flags;
}

/** A configuration that was checked whole. */
export interface LoadedConfig extends Surroundings {
  /** File, variables and flags, one over the other; what nobody set is absent, and keys are hidden: they stand in the settings. */
  readonly config: Config;
  /** The same with every default filled in. */
  readonly settings: Settings;
  readonly limits: Limits;
  /** What set a value, by path: `LLM_PORT`, `--port`, or the file's name. Paths that nobody set are absent. */
  readonly origins: ReadonlyMap<string, string>;
  /** Sentences for people, such as variables that are set and not heeded. */
  readonly warnings: readonly string[];
  /** The environment it was read from, for programs that are started; a function, so that nobody prints what is in it. */
  readonly variables: () => Variables;
}

const flagPaths: Readonly<Record<keyof Flags, readonly [flag: string, path: string]>> = {
  host: ["--host", "http.host"],
  port: ["--port", "http.port"],
  open: ["--open", "http.open"],
  modelName: ["--model-name", "models.defaultModel"],
  modelsDir: ["--models-dir", "models.directory"],
  logLevel: ["--log-level", "telemetry.logLevel"],
};

/** Reads and checks a configuration. Throws `invalid_request` that names the variable, flag, or file and key at fault; no secret is ever in it. */
export function loadConfig({ file, environment, flags = {} }: ConfigSources): LoadedConfig {
  const fromFile = file === undefined ? create(ConfigSchema) : readConfigFile(file);
  if (file !== undefined) checkConfig(fromFile, (path) => `${file}: ${path}`, false);
  const reading = readEnvironment(environment);
  const fileJson = toJson(ConfigSchema, fromFile) as JsonObject;
  const remote = overlayUpstreams(fileJson, new Map([...reading.settings, ...readFlags(flags)]), file ?? "");
  const { settings, upstreams } = remote;
  const ofFile = pathsOf(fileJson).map((path) => [path, file ?? ""] as const);
  const origins = new Map([...ofFile, ...originsOf(settings), ...remote.origins]);
  const config = fromJson(ConfigSchema, { ...overlay(fileJson, settings), upstreams });
  const own = new Set([...settings.keys(), ...remote.origins.map(([path]) => path)]);
  const warnings = [...reading.warnings, ...remote.warnings];
  return resolveConfig(config, { settings, own, origins, warnings, variables: environment });
}

/** What is known beside a configuration's messages. */
interface Beside extends EnvironmentReading {
  /** Paths that a variable or a flag set. */
  readonly own: ReadonlySet<string>;
  readonly origins: ReadonlyMap<string, string>;
  readonly variables: Variables;
}

const nothing: Beside = { settings: new Map(), own: new Set(), origins: new Map(), warnings: [], variables: {} };

/** Checks a configuration that a program made, and fills in its defaults. Throws `invalid_request` that names the key at fault. */
export function resolveConfig(config: Config, beside: Beside = nothing): LoadedConfig {
  const blame: Blame = (path) => {
    const origin = originOf(path, beside.origins);
    const isOwn = origin !== undefined && [...beside.own].some((set) => path.startsWith(set) && beside.origins.get(set) === origin);
    return isOwn || origin === undefined ? (origin ?? path) : `${origin}: ${path}`;
  };
  checkConfig(config, blame);
  const surroundings = surroundingsOf(beside.settings);
  const { settings, limits } = settingsOf(config, beside.variables);
  if (!settings.open && !isLoopbackHost(settings.host) && !hasKeys(settings, surroundings))
    throw fault(
      "invalid_request",
      `${blame("http.host")}: ${settings.host} is reached from other machines, and there are no keys: make one with \`parley keys create\`, or set LLM_API_KEYS; add --open (or LLM_OPEN=true) to serve everyone who can connect, or listen on 127.0.0.1`,
    );
  return {
    config: withoutKeys(config),
    settings,
    limits,
    ...surroundings,
    origins: beside.origins,
    warnings: beside.warnings,
    variables: () => beside.variables,
  };
}

/** Whether callers have to show keys: where there is a file of them, whatever is in it. */
function hasKeys({ keysFile, isKeysFileNamed }: Settings, { keys }: Surroundings): boolean {
  return keys.length > 0 || isKeysFileNamed || existsSync(keysFile);
}

function withoutKeys(config: Config): Config {
  return { ...config, upstreams: config.upstreams.map((upstream) => ({ ...upstream, apiKeys: upstream.apiKeys.map(() => "***") })) };
}

function readFlags(flags: Flags): [string, Setting][] {
  return Object.entries(flagPaths).flatMap(([name, [flag, path]]) => {
    const given = flags[name as keyof Flags];
    return given === undefined ? [] : [[path, readFlag(flag, path, String(given))] as [string, Setting]];
  });
}

function originsOf(settings: ReadonlyMap<string, Setting>): (readonly [string, string])[] {
  return [...settings].map(([path, { from }]) => [path, from] as const);
}
