import type { EmbedRequest, EmbedResponse, Embedding } from "../../../../gen/parley/v1/embeddings_pb.ts";
import { UsageSource, type Usage } from "../../../../gen/parley/v1/usage_pb.ts";
import { estimatedTokens } from "../../../core/estimate.ts";
import { isJsonObject } from "../../../core/json.ts";
import { unsupportedField } from "../../../core/reasons.ts";
import type { AskedUpstream, UpstreamRequest } from "../../upstream-dialect.ts";
import { malformed } from "../../upstream-fault.ts";
import type { OptionKeys } from "../../given-options.ts";
import { faultOfLine } from "./errors.ts";
import { ollamaOptions, steppedContext } from "./options.ts";

/** What servers have at least by default: for texts below it nothing is asked for, since a model that is asked for another context is loaded anew. */
const defaultContext = 2048;

/** Asks for vectors, all in one request. Throws `unsupported_field`. */
export function embedRequest({ model, inputs, dimensions, providerOptions, truncate }: EmbedRequest, keys: OptionKeys): UpstreamRequest {
  const texts = inputs.map(({ input }, index) => {
    if (input.case !== "text") throw unsupportedField(`inputs[${index}]`, "Ollama embeds text, not tokens");
    return input.value;
  });
  const { keepAlive, contextLength = contextFor(texts) } = ollamaOptions(providerOptions, keys);
  return {
    method: "POST",
    path: "/api/embed",
    headers: {},
    body: {
      model,
      input: texts,
      truncate,
      ...(dimensions !== undefined && { dimensions }),
      ...(contextLength > defaultContext && { options: { num_ctx: contextLength } }),
      ...(keepAlive !== undefined && { keep_alive: keepAlive }),
    },
  };
}

function contextFor(texts: readonly string[]): number {
  let longest = 0;
  for (const { length } of texts) longest = Math.max(longest, length);
  return steppedContext(estimatedTokens(longest), 0, defaultContext);
}

/** Reads the vectors, one an input, and brings them to length 1. Throws `provider_malformed`, and the error that a body holds instead. */
export function embedResponse(body: unknown, { model, inputs }: EmbedRequest, asked: AskedUpstream): EmbedResponse {
  if (isJsonObject(body) && body["error"] !== undefined && body["error"] !== null) throw faultOfLine(body, asked);
  const list = isJsonObject(body) ? body["embeddings"] : undefined;
  if (!isJsonObject(body) || !Array.isArray(list)) throw malformed(asked, "no vectors");
  if (list.length !== inputs.length) throw malformed(asked, `${list.length} vectors for ${inputs.length} inputs`);
  const embeddings = list.map((vector: unknown): Embedding => ({ $typeName: "parley.v1.Embedding", values: unit(vector, asked) }));
  return { $typeName: "parley.v1.EmbedResponse", model, embeddings, usage: usageOf(body["prompt_eval_count"], inputs) };
}

function unit(vector: unknown, asked: AskedUpstream): number[] {
  if (!Array.isArray(vector) || vector.length === 0) throw malformed(asked, "an empty vector");
  let sum = 0;
  for (const value of vector as unknown[]) {
    if (typeof value !== "number" || !Number.isFinite(value)) throw malformed(asked, "a vector that is not of numbers");
    sum += value * value;
  }
  const length = Math.sqrt(sum);
  const values = vector as number[];
  return length === 0 || Math.abs(length - 1) < 1e-6 ? values : values.map((value) => value / length);
}

function usageOf(counted: unknown, inputs: EmbedRequest["inputs"]): Usage {
  const isCounted = typeof counted === "number" && Number.isInteger(counted) && counted > 0 && counted < 2 ** 31;
  const characters = inputs.reduce((sum, { input }) => sum + (input.case === "text" ? input.value.length : 0), 0);
  return {
    $typeName: "parley.v1.Usage",
    promptTokens: isCounted ? counted : estimatedTokens(characters),
    completionTokens: 0,
    source: isCounted ? UsageSource.PROVIDER : UsageSource.ESTIMATED,
  };
}
