import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import { LineCounter, parseDocument, type Document } from "yaml";
import { ConfigSchema, type Config } from "../../gen/parley/config/v1/config_pb.ts";
import { fault } from "../core/reasons.ts";
import { isWebUrl } from "../environment/values.ts";
import { jsonProblem } from "./json-problem.ts";

/** Reads a configuration file, YAML or JSON; paths in it are below its own folder. Throws `invalid_request` that names the file and the bad key, never a value. */
export function readConfigFile(file: string): Config {
  const config = configFromJson(parse(file, textOf(file)), file);
  const folder = dirname(resolve(file));
  const { models, telemetry, http } = config;
  const below = resolver(folder);
  below(http, "keysFile");
  below(http?.tls, "certFile", "keyFile", "clientCaFile");
  below(models, "directory", "dataDirectory");
  if (!isWebUrl(models?.mirror ?? "")) below(models, "mirror");
  below(telemetry, "logFile");
  return config;
}

/** What makes paths of a message absolute. */
function resolver(folder: string) {
  return <Key extends string>(message: { [key in Key]?: string | undefined } | undefined, ...keys: readonly Key[]): void => {
    for (const key of keys) {
      const path = message?.[key];
      if (message !== undefined && path !== undefined) message[key] = resolve(folder, path);
    }
  };
}

/** Understands parsed YAML or JSON. Throws `invalid_request` that names `source` and the bad key. */
function configFromJson(json: JsonValue, source: string): Config {
  const problem = jsonProblem(ConfigSchema, json, "");
  if (problem !== undefined) throw fault("invalid_request", `${source}: ${problem}`);
  return fromJson(ConfigSchema, json);
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw fault(
      "invalid_request",
      `${file}: the configuration cannot be read: ${(error as NodeJS.ErrnoException).code ?? "unknown error"}`,
      {
        cause: error,
      },
    );
  }
}

/** The parser's own messages quote the file, which may hold keys; ours name the place. */
function parse(file: string, text: string): JsonValue {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false });
  const [problem] = [...document.errors, ...document.warnings];
  if (problem === undefined) return jsonOf(file, document);
  const { line, col } = lineCounter.linePos(problem.pos[0]);
  throw fault("invalid_request", `${file}:${line}:${col}: neither YAML nor JSON (${problem.code.toLowerCase().replaceAll("_", " ")})`);
}

function jsonOf(file: string, document: Document.Parsed): JsonValue {
  try {
    return (document.toJS() as JsonValue) ?? {};
  } catch (error) {
    throw fault("invalid_request", `${file}: its YAML aliases cannot be resolved; write the values out`, { cause: error });
  }
}
