import type { JsonObject } from "@bufbuild/protobuf";
import type { ChatRequest } from "../../../../gen/parley/v1/chat_pb.ts";
import { estimatedPromptTokens } from "../../../core/estimate.ts";
import { isJsonObject } from "../../../core/json.ts";
import { invalidField, unsupportedField } from "../../../core/reasons.ts";
import type { OllamaTraits } from "./traits.ts";

/** Options of a request that only Ollama knows. */
export interface OllamaOptions {
  readonly keepAlive?: string | number;
  readonly contextLength?: number;
  readonly typicalP?: number;
}

const at = "provider_options.ollama";

/** Reads `provider_options.ollama`: `keep_alive`, `num_ctx`, `typical_p`. Throws `invalid_request` and `unsupported_field`. */
export function ollamaOptions(options: JsonObject | undefined): OllamaOptions {
  const given = options?.["ollama"];
  if (given === undefined || given === null) return {};
  if (!isJsonObject(given)) throw invalidField(at, "must be an object");
  const known = ["keep_alive", "num_ctx", "typical_p"];
  const stranger = Object.keys(given).find((name) => !known.includes(name));
  if (stranger !== undefined)
    throw unsupportedField(`${at}.${stranger}`, `no such option is passed on to Ollama; known are ${known.join(", ")}`);
  return {
    ...read(given, "keep_alive", (value) => ({ keepAlive: checkedKeepAlive(value) })),
    ...read(given, "num_ctx", (value) => ({ contextLength: checkedLength(value) })),
    ...read(given, "typical_p", (value) => ({ typicalP: checkedShare(value) })),
  };
}

function read(given: JsonObject, name: string, as: (value: unknown) => OllamaOptions): OllamaOptions {
  const value = given[name] ?? null;
  return value === null ? {} : as(value);
}

function checkedKeepAlive(value: unknown): string | number {
  if (typeof value === "number") return value;
  if (typeof value === "string" && /^-?\d{1,10}(\.\d{1,9})?(ms|s|m|h)?$/.test(value)) return value;
  throw invalidField(`${at}.keep_alive`, `is neither a number of seconds nor a time such as "5m"`);
}

function checkedLength(value: unknown): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= longestContext) return value;
  throw invalidField(`${at}.num_ctx`, `is no whole number from 1 to ${longestContext}`);
}

function checkedShare(value: unknown): number {
  if (typeof value === "number" && value >= 0 && value <= 1) return value;
  throw invalidField(`${at}.typical_p`, "is outside 0 to 1");
}

/** Twice what servers have by default where memory is short: most conversations fit, so that the model stays loaded as it is. */
const leastContext = 8192;
/** Above it nothing is asked for unless it is said: the memory for it would be taken from the server at once. */
const longestContext = 131_072;
/** Estimates know nothing of the model's tokenizer; code and other languages than English take up to twice as many tokens. */
const estimateMargin = 2;
/** Room for the answer where a request sets it no limit. */
const answerRoom = 2048;

/**
 * The context that a request needs, in steps of doubling, since a model that is asked for another one is loaded anew; undefined: the server's own.
 * What was said by the caller holds, then the operator's quirk.
 */
export function contextLengthOf(
  request: ChatRequest,
  traits: OllamaTraits,
  said = ollamaOptions(request.providerOptions),
): number | undefined {
  if (said.contextLength !== undefined) return said.contextLength;
  if (traits.contextLength === "server") return undefined;
  if (traits.contextLength !== undefined) return traits.contextLength;
  return steppedContext(estimatedPromptTokens(request), request.maxTokens ?? answerRoom);
}

/** The step that holds so many estimated tokens and an answer. */
export function steppedContext(estimated: number, answer: number, least = leastContext): number {
  const needed = estimated * estimateMargin + answer;
  let step = least;
  while (step < needed && step < longestContext) step *= 2;
  return step;
}
