import { create } from "@bufbuild/protobuf";
import type { LoadOptions, Model, WarmPromptRequest, WarmPromptResponse } from "../../../gen/parley/v1/models_pb.ts";
import { WarmPromptRequestSchema } from "../../../gen/parley/v1/models_pb.ts";
import { invalidField } from "../../core/reasons.ts";
import { paramOf, type ParamOf } from "../openai/errors.ts";
import { objectAt, present, read, required, textAt, type Json } from "../openai/read.ts";
import { chatRequestFromOpenAI, type OpenAIChatRequest } from "../openai/request.ts";
import { checkInferenceConfigs, inferenceConfigs } from "./inference-configs.ts";
import { loadOptionsFrom } from "./load-configs.ts";
import type { GgufList, RestoreCacheAnswer } from "./wire/distiller.ts";

/** A chat completion as the older service was asked for it. */
export interface DistillerChat extends OpenAIChatRequest {
  /** How the model is to be loaded, should it not be; undefined: as configured. */
  readonly load: LoadOptions | undefined;
}

/** What says which model answers what, and is not about how tokens are drawn. */
const structural: ReadonlySet<string> = new Set(["model", "messages", "tools", "tool_choice", "stream", "stream_options", "provider"]);

/** Reads the body of `POST /chat/completions`. Throws `invalid_request` and `unsupported_field`. */
export function chatRequestFromDistiller(json: unknown): DistillerChat {
  const body = objectAt(json, "body");
  return { ...chatRequestFromOpenAI(flattened(body)), load: loadOptionsFrom(body) };
}

/** The body with its `inference_configs` where OpenAI has them. What both say, and differently, is refused. */
function flattened(body: Json): Json {
  const configs = configsOf(body);
  if (configs === undefined) return body;
  for (const name of Object.keys(configs)) {
    if (structural.has(name)) throw invalidField(`${inferenceConfigs}.${name}`, "stands beside inference_configs, not in them");
    const beside = present(body, name);
    if (beside !== undefined && JSON.stringify(beside) !== JSON.stringify(configs[name]))
      throw invalidField(`${inferenceConfigs}.${name}`, `differs from ${name} beside it: send one of them`);
  }
  return { ...body, ...configs };
}

function configsOf(body: Json): Json | undefined {
  const configs = read(body, inferenceConfigs, objectAt);
  // Null says nothing, and must not undo what stands beside it.
  return configs && Object.fromEntries(Object.entries(configs).filter(([, value]) => value !== null));
}

/** What the caller of a body calls a field of ours. */
export function distillerParam(json: unknown): ParamOf {
  const body = typeof json === "object" && json !== null && !Array.isArray(json) ? (json as Json) : {};
  const given = present(body, inferenceConfigs);
  const configs = typeof given === "object" && given !== null ? (given as Json) : {};
  const param = paramOf({ ...body, ...configs });
  return (field) => {
    if (field.startsWith(inferenceConfigs) || field.startsWith("load_model_configs")) return field;
    const name = param(field);
    return Object.hasOwn(configs, name.replace(/[.[].*$/, "")) ? `${inferenceConfigs}.${name}` : name;
  };
}

/** Reads the body of `POST /restore_cache`. `inference_configs` are checked as those of the call that will follow, and change nothing of a prompt. */
export function warmPromptFromDistiller(json: unknown): WarmPromptRequest {
  const body = objectAt(json, "body");
  const { model, messages, tools } = chatRequestFromOpenAI(flattened(body)).request;
  checkInferenceConfigs(configsOf(body) ?? {});
  return create(WarmPromptRequestSchema, { model, messages, tools });
}

/** The answer of `POST /restore_cache`. */
export function warmedToDistiller({ promptTokens, cachedTokens }: WarmPromptResponse): RestoreCacheAnswer {
  return {
    status: "ok",
    message: `prepared ${promptTokens} tokens, ${cachedTokens} of which were prepared before`,
    prompt_tokens: promptTokens,
    cached_tokens: cachedTokens,
  };
}

const longestName = 256;

/** Which model is to answer, and how it is loaded. */
export interface ModelChoice {
  readonly model: string;
  readonly load: LoadOptions | undefined;
}

/** Reads the body of `POST /setModel`. Throws `invalid_request` and `unsupported_field`. */
export function modelChoiceFrom(json: unknown): ModelChoice {
  const body = objectAt(json, "body");
  const model = textAt(required(body, "model_name", ""), "model_name");
  if (model === "") throw invalidField("model_name", "is empty");
  if (model.length > longestName) throw invalidField("model_name", `is longer than ${longestName} characters`);
  return { model, load: loadOptionsFrom(body) };
}

/** The answer of `GET /models`: what of the list are files, by the files' names. */
export function ggufList(models: readonly Model[]): GgufList {
  return { models: models.flatMap((model) => fileName(model) ?? []).toSorted() };
}

/** The name of a model's file; undefined: it has none that its caller may use. */
export function fileName({ id, aliases }: Model): string | undefined {
  return [...aliases, id].find((name) => name.endsWith(".gguf"));
}
