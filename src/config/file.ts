import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fromJson, ScalarType, type DescField, type DescMessage, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import { LineCounter, parseDocument, type Document } from "yaml";
import { ConfigSchema, type Config } from "../../gen/parley/config/v1/config_pb.ts";
import { fault } from "../core/reasons.ts";
import { nearest } from "../environment/nearest.ts";
import { isWebUrl } from "../environment/values.ts";

/** Reads a configuration file, YAML or JSON; paths in it are below its own folder. Throws `invalid_request` that names the file and the bad key, never a value. */
export function readConfigFile(file: string): Config {
  const config = configFromJson(parse(file, textOf(file)), file);
  const folder = dirname(resolve(file));
  const { models, telemetry } = config;
  if (models?.directory !== undefined) models.directory = resolve(folder, models.directory);
  if (models?.dataDirectory !== undefined) models.dataDirectory = resolve(folder, models.dataDirectory);
  if (models?.mirror !== undefined && !isWebUrl(models.mirror)) models.mirror = resolve(folder, models.mirror);
  if (telemetry?.logFile !== undefined) telemetry.logFile = resolve(folder, telemetry.logFile);
  return config;
}

/** Understands parsed YAML or JSON. Throws `invalid_request` that names `source` and the bad key. */
function configFromJson(json: JsonValue, source: string): Config {
  const problem = problemOf(ConfigSchema, json, "");
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

/** What is wrong with a message's JSON, beginning with the path of the key; undefined when nothing is. */
function problemOf(schema: DescMessage, json: JsonValue, path: string): string | undefined {
  if (!isObject(json)) return `${path === "" ? "the whole" : path}: must be a map of names to values`;
  const seen = new Set<DescField>();
  for (const [key, value] of Object.entries(json)) {
    const at = path === "" ? key : `${path}.${key}`;
    const field = schema.fields.find(({ name, jsonName }) => key === name || key === jsonName);
    if (field === undefined) return unknownKey(schema, key, at);
    if (seen.has(field)) return `${at}: given twice, in two spellings`;
    seen.add(field);
    const problem = value === null ? undefined : fieldProblem(field, value, at);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function unknownKey(schema: DescMessage, key: string, at: string): string {
  const names = schema.fields.map(({ jsonName }) => jsonName);
  const near = nearest(key, names);
  return `${at}: there is no such key; ${near === undefined ? `known are ${names.join(", ")}` : `did you mean ${near}`}`;
}

function fieldProblem(field: DescField, value: JsonValue, at: string): string | undefined {
  switch (field.fieldKind) {
    case "message":
      return problemOf(field.message, value, at);
    case "list":
      if (!Array.isArray(value)) return `${at}: must be a list`;
      return first(value.entries(), ([index, item]) =>
        field.listKind === "message" ? problemOf(field.message, item, `${at}[${index}]`) : scalarProblem(field, [item], `${at}[${index}]`),
      );
    case "map":
      if (!isObject(value)) return `${at}: must be a map of names to values`;
      return first(Object.entries(value), ([key, item]) =>
        field.mapKind === "message"
          ? problemOf(field.message, item, `${at}.${key}`)
          : scalarProblem(field, { [key]: item }, `${at}.${key}`),
      );
    default:
      return scalarProblem(field, value, at);
  }
}

/** Asks Protobuf itself whether the value fits the field, and words the answer without the value. */
function scalarProblem(field: DescField, value: JsonValue, at: string): string | undefined {
  try {
    fromJson(field.parent, { [field.jsonName]: value });
    return undefined;
  } catch {
    return `${at}: must be ${expected[field.scalar ?? ScalarType.STRING] ?? "another kind of value"}`;
  }
}

const expected: Partial<Record<ScalarType, string>> = {
  [ScalarType.STRING]: "a text",
  [ScalarType.BOOL]: "true or false",
  [ScalarType.INT32]: "a whole number",
  [ScalarType.INT64]: "a whole number",
  [ScalarType.DOUBLE]: "a number",
};

function first<Item>(items: Iterable<Item>, problem: (item: Item) => string | undefined): string | undefined {
  for (const item of items) {
    const found = problem(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isObject(json: JsonValue): json is JsonObject {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}
