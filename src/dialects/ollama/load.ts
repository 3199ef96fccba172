import { create, type JsonObject } from "@bufbuild/protobuf";
import { LoadOptionsSchema, type LoadOptions } from "../../../gen/parley/v1/models_pb.ts";
import { present, read, type Json } from "../openai/read.ts";
import { keepAliveAt, staySeconds } from "./keep-alive.ts";
import { optionsFromOllama, type ReadOptions } from "./options.ts";

/** A model is to be loaded, or unloaded, and nothing is asked of it. */
export interface AskedLoad {
  readonly isUnload: boolean;
  /** How it is loaded; what is absent is as configured. */
  readonly options: LoadOptions | undefined;
}

/** What a body says of how it is to be served. */
export interface ServerOptions {
  readonly options: ReadOptions;
  /** Seconds. */
  readonly keepAlive: number | undefined;
  /** What only upstreams that speak this format know. */
  readonly passed: JsonObject;
}

/** Reads `options` and `keep_alive`. A time is passed on as it was said, unless it is made of several. Throws `invalid_request` and `unsupported_field`. */
export function serverOptions(body: Json): ServerOptions {
  const options = optionsFromOllama(body);
  const keepAlive = read(body, "keep_alive", keepAliveAt);
  const said = present(body, "keep_alive");
  const passed = typeof said === "string" && /^-?\d+(\.\d+)?(ms|s|m|h)?$/.test(said) ? said : keepAlive;
  return { options, keepAlive, passed: { ...options.options, ...(passed !== undefined && { keep_alive: passed }) } };
}

/** For how long a model is to stay that has answered, seconds: 0, it is to go; Infinity, it is to stay. Undefined where nothing is said. */
export function askedStay(keepAlive: number | undefined): number | undefined {
  if (keepAlive === undefined || keepAlive === 0) return keepAlive;
  return keepAlive < 0 ? Infinity : staySeconds(keepAlive);
}

/** What is asked for where there is nothing to answer: that the model is loaded, or unloaded where it is to stay for no time. */
export function askedLoad(keepAlive: number | undefined, { num_ctx: contextLength }: JsonObject): AskedLoad {
  if (keepAlive === 0) return { isUnload: true, options: undefined };
  const given = {
    ...(keepAlive !== undefined && { keepAliveSeconds: staySeconds(keepAlive) }),
    ...(typeof contextLength === "number" && { contextLength }),
  };
  return { isUnload: false, options: Object.keys(given).length === 0 ? undefined : create(LoadOptionsSchema, given) };
}
