import type { JsonObject } from "@bufbuild/protobuf";
import type { ChatRequest } from "../../../../gen/parley/v1/chat_pb.ts";
import { estimatedPromptTokens } from "../../../core/estimate.ts";
import { invalidField } from "../../../core/reasons.ts";
import { givenOptions, type GivenOption, type OptionKeys } from "../../given-options.ts";
import type { OllamaTraits } from "./traits.ts";

/** Options of a request that only Ollama knows. */
export interface OllamaOptions {
  readonly keepAlive?: string | number;
  readonly contextLength?: number;
  readonly typicalP?: number;
}

const known = ["keep_alive", "num_ctx", "typical_p"];

/** Reads the `provider_options` of an Ollama upstream: `keep_alive`, `num_ctx`, `typical_p`. Throws `invalid_request` and `unsupported_field`. */
export function ollamaOptions(options: JsonObject | undefined, keys: OptionKeys): OllamaOptions {
  if (options === undefined) return {};
  const given = givenOptions(options, { keys, known, at: "provider_options" });
  const [keepAlive, contextLength, typicalP] = known.map((name) => given.get(name));
  return {
    ...(keepAlive !== undefined && { keepAlive: checkedKeepAlive(keepAlive) }),
    ...(contextLength !== undefined && { contextLength: checkedLength(contextLength) }),
    ...(typicalP !== undefined && { typicalP: checkedShare(typicalP) }),
  };
}

function checkedKeepAlive({ value, field }: GivenOption): string | number {
  if (typeof value === "number") return value;
  if (typeof value === "string" && /^-?\d{1,10}(\.\d{1,9})?(ms|s|m|h)?$/.test(value)) return value;
  throw invalidField(field, `is neither a number of seconds nor a time such as "5m"`);
}

function checkedLength({ value, field }: GivenOption): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= longestContext) return value;
  throw invalidField(field, `is no whole number from 1 to ${longestContext}`);
}

function checkedShare({ value, field }: GivenOption): number {
  if (typeof value === "number" && value >= 0 && value <= 1) return value;
  throw invalidField(field, "is outside 0 to 1");
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
  said = ollamaOptions(request.providerOptions, traits.optionKeys),
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
