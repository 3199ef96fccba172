import type { EmbedInput, EmbedRequest, EmbedResponse, Embedding } from "../../../../gen/parley/v1/embeddings_pb.ts";
import { UsageSource, type Usage } from "../../../../gen/parley/v1/usage_pb.ts";
import { estimatedTokens, estimatedUsage } from "../../../core/estimate.ts";
import { isJsonObject, type JsonObject } from "../../../core/json.ts";
import { unsupportedField } from "../../../core/reasons.ts";
import type { AskedUpstream } from "../../upstream-dialect.ts";
import { malformed } from "../../upstream-fault.ts";
import { faultWithin } from "./errors.ts";
import type { Quirks } from "./quirks.ts";

/** Body of `POST /embeddings`. */
export type WireEmbeddings = {
  model: string;
  input: string[] | number[][];
  encoding_format: "float" | "base64";
  dimensions?: number;
  user?: string;
};

/** Asks for vectors. Throws `unsupported_field` for texts among tokens, for which the format has no place. */
export function embeddingsBody(request: EmbedRequest, quirks: Quirks): WireEmbeddings {
  const { model, inputs, dimensions, endUserId } = request;
  return {
    model,
    input: inputOf(inputs),
    encoding_format: quirks.embeddings === "base64" ? "base64" : "float",
    ...(dimensions !== undefined && { dimensions }),
    ...(endUserId !== "" && quirks.endUser !== "dropped" && { user: endUserId }),
  };
}

function inputOf(inputs: readonly EmbedInput[]): string[] | number[][] {
  const texts = inputs.flatMap(({ input }) => (input.case === "text" ? [input.value] : []));
  if (texts.length === inputs.length) return texts;
  const tokens = inputs.flatMap(({ input }) => (input.case === "tokenIds" ? [input.value.ids] : []));
  if (tokens.length === inputs.length) return tokens;
  throw unsupportedField("inputs", "this upstream takes texts or tokens in one call, not both");
}

/** Reads the vectors, in the order of the inputs and of length 1. Throws `provider_malformed` where one is missing, twice, or of another length than the rest. */
export function readEmbeddings(body: unknown, request: EmbedRequest, asked: AskedUpstream): EmbedResponse {
  if (!isJsonObject(body)) throw malformed(asked, "vectors that are no JSON object");
  const error = faultWithin(body, asked);
  if (error !== undefined) throw error;
  const { data, usage } = body;
  const count = request.inputs.length;
  if (!Array.isArray(data) || data.length !== count) throw malformed(asked, `other than one vector an input, of which there are ${count}`);
  const embeddings: Embedding[] = [];
  embeddings.length = count;
  for (const [position, item] of data.entries()) {
    const { index, values } = vectorOf(item, position, asked);
    if (index >= count || Object.hasOwn(embeddings, index)) throw malformed(asked, "vectors whose indexes are not those of the inputs");
    embeddings[index] = { $typeName: "parley.v1.Embedding", values };
  }
  checkLengths(embeddings, request, asked);
  return {
    $typeName: "parley.v1.EmbedResponse",
    model: asked.model,
    embeddings,
    usage: usageOf(usage, request),
  };
}

function vectorOf(item: unknown, position: number, asked: AskedUpstream): { readonly index: number; readonly values: number[] } {
  const values = isJsonObject(item) ? valuesOf(item["embedding"]) : undefined;
  const index = isJsonObject(item) ? (item["index"] ?? position) : undefined;
  if (values === undefined) throw malformed(asked, "a vector that cannot be read");
  if (typeof index !== "number" || !Number.isInteger(index) || index < 0) throw malformed(asked, "a vector without an index");
  return { index, values };
}

function checkLengths(embeddings: readonly Embedding[], { dimensions }: EmbedRequest, asked: AskedUpstream): void {
  const length = dimensions ?? embeddings[0]?.values.length;
  const other = embeddings.find(({ values }) => values.length !== length);
  if (other !== undefined) throw malformed(asked, `a vector of ${other.values.length} numbers where ${length} were expected`);
}

/** A vector's numbers, from a list or from base64, scaled to length 1; undefined where they are none. */
function valuesOf(told: unknown): number[] | undefined {
  const values = typeof told === "string" ? fromBase64(told) : told;
  if (!Array.isArray(values) || values.length === 0) return undefined;
  let square = 0;
  for (const value of values as readonly unknown[]) {
    if (typeof value !== "number") return undefined;
    square += value * value;
  }
  if (!(square > 0 && square < Infinity)) return undefined;
  const length = Math.sqrt(square);
  // What is of length 1 up to rounding stays as it came.
  return Math.abs(length - 1) < 1e-3 ? (values as number[]) : (values as number[]).map((value) => value / length);
}

/** 32-bit floats, little-endian. */
function fromBase64(text: string): number[] | undefined {
  const bytes = Buffer.from(text, "base64");
  if (bytes.length % 4 !== 0) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes.length / 4 }, (_, index) => view.getFloat32(index * 4, true));
}

function usageOf(told: unknown, { inputs }: EmbedRequest): Usage {
  const promptTokens = isJsonObject(told) ? tokensOf(told) : undefined;
  if (promptTokens !== undefined) return { $typeName: "parley.v1.Usage", promptTokens, completionTokens: 0, source: UsageSource.PROVIDER };
  let tokens = 0;
  for (const { input } of inputs) tokens += input.case === "tokenIds" ? input.value.ids.length : estimatedTokens(input.value?.length ?? 0);
  return estimatedUsage(tokens, 0);
}

function tokensOf({ prompt_tokens: prompt, total_tokens: total }: JsonObject): number | undefined {
  const tokens = prompt ?? total;
  return typeof tokens === "number" && Number.isInteger(tokens) && tokens >= 0 && tokens < 2 ** 31 ? tokens : undefined;
}
