import { resolve } from "node:path";
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { ConfigSchema } from "../../gen/parley/config/v1/config_pb.ts";
import type { Setting } from "../environment/read.ts";
import { isWebUrl } from "../environment/values.ts";

/** Folders and files among the settings: relative ones are below the working folder. */
const pathSettings = new Set([
  "models.directory",
  "models.dataDirectory",
  "models.mirror",
  "telemetry.logFile",
  "http.keysFile",
  "http.tls.certFile",
  "http.tls.keyFile",
  "http.tls.clientCaFile",
]);

/** Paths of every value in the JSON of a Config; a list is one value, and so is what is in it. */
export function pathsOf(json: JsonObject, prefix = ""): string[] {
  return Object.entries(json).flatMap(([key, value]) => {
    const path = prefix + key;
    if (Array.isArray(value)) return [path, ...value.flatMap((item, index) => (isObject(item) ? pathsOf(item, `${path}[${index}].`) : []))];
    return isObject(value) && path !== "aliases" ? pathsOf(value, `${path}.`) : [path];
  });
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A copy of the JSON with the settings that belong to it; a list or map replaces the file's whole. */
export function overlay(json: JsonObject, settings: ReadonlyMap<string, Setting>): JsonObject {
  const copy = structuredClone(json);
  const branches = new Set(ConfigSchema.fields.map(({ jsonName }) => jsonName));
  for (const [path, { value }] of settings) {
    const segments = path.split(".");
    if (!branches.has(segments[0] ?? "")) continue;
    let at = copy;
    for (const segment of segments.slice(0, -1)) at = (at[segment] ??= {}) as JsonObject;
    const isPath = pathSettings.has(path) && typeof value === "string" && !isWebUrl(value);
    at[segments.at(-1) ?? ""] = (isPath ? resolve(value) : value) as JsonObject[string];
  }
  return copy;
}

/** What set a path, or the nearest thing around it: a file's `routes` speaks for `routes[0].model`. */
export function originOf(path: string, origins: ReadonlyMap<string, string>): string | undefined {
  for (let at = path; at !== ""; at = at.slice(0, Math.max(0, at.lastIndexOf("."), at.lastIndexOf("[")))) {
    const origin = origins.get(at);
    if (origin !== undefined) return origin;
  }
  return undefined;
}
