import { create } from "@bufbuild/protobuf";
import { base64Encode } from "@bufbuild/protobuf/wire";
import { EmbedRequestSchema, type EmbedRequest, type EmbedResponse } from "../../../gen/parley/v1/embeddings_pb.ts";
import { invalidField, unsupportedField } from "../../core/reasons.ts";
import type { ParamOf } from "./errors.ts";
import { defined, integerAt, objectAt, oneOf, present, read, required, textAt, type Json } from "./read.ts";
import type { EmbeddingList } from "./wire/embeddings.ts";

/** What a body of `/v1/embeddings` asks for. */
export interface OpenAIEmbeddings {
  readonly request: EmbedRequest;
  /** Whether vectors are written as base64 of little-endian 32-bit floats, as OpenAI's own clients ask for. */
  readonly isBase64: boolean;
}

const formatOf = oneOf({ float: false, base64: true });

/** Fields of other services that would change what a vector means. */
const refusals: Readonly<Record<string, string>> = {
  input_type: "put the model's own prefix before the text",
  task: "put the model's own prefix before the text",
  late_chunking: "every input is embedded by itself",
  truncate: "an input is never cut; shorten it",
  truncate_prompt_tokens: "an input is never cut; shorten it",
  embedding_type: "send encoding_format",
  output_dtype: "vectors are 32-bit floats",
};

/** Fields of embeddings that are known and refused. */
export const refusedInEmbeddings: readonly string[] = Object.keys(refusals);

/** Reads the body of `/v1/embeddings`. Throws `invalid_request` and `unsupported_field` by OpenAI's names. */
export function embedRequestFromOpenAI(value: unknown): OpenAIEmbeddings {
  const body = objectAt(value, "body");
  for (const [name, because] of Object.entries(refusals)) if (present(body, name) !== undefined) throw unsupportedField(name, because);
  const request = create(
    EmbedRequestSchema,
    defined({
      model: textAt(required(body, "model", ""), "model"),
      inputs: inputsOf(required(body, "input", "")).map((input) => ({ input })),
      dimensions: read(body, "dimensions", integerAt),
      endUserId: read(body, "user", textAt),
    }),
  );
  return { request, isBase64: read(body, "encoding_format", formatOf) ?? false };
}

type Input = { readonly case: "text"; readonly value: string } | { readonly case: "tokenIds"; readonly value: { readonly ids: number[] } };

/** A text, texts, one list of tokens, or lists of tokens. */
function inputsOf(value: unknown): Input[] {
  if (!Array.isArray(value)) return [text(value, "input")];
  if (value.every((item) => typeof item === "number") && value.length > 0) return [tokens(value, "input")];
  return value.map((item: unknown, index) => {
    const path = `input[${index}]`;
    return Array.isArray(item) ? tokens(item, path) : text(item, path);
  });
}

function text(value: unknown, path: string): Input {
  if (typeof value !== "string") throw invalidField(path, "must be a string, or a list of strings or of tokens");
  return { case: "text", value: textAt(value, path) };
}

function tokens(value: readonly unknown[], path: string): Input {
  return { case: "tokenIds", value: { ids: value.map((id, index) => integerAt(id, `${path}[${index}]`)) } };
}

/** Names fields as the caller of this body did. */
export function embeddingParamOf(body: unknown): ParamOf {
  const isList = isObject(body) && Array.isArray(body["input"]) && !body["input"].every((item) => typeof item === "number");
  return (field) => {
    if (field === "end_user_id") return "user";
    const place = /^inputs(\[\d+\])?(?:\.token_ids\.ids(\[\d+\]))?/.exec(field);
    return place === null ? field : `input${isList ? (place[1] ?? "") : ""}${place[2] ?? ""}`;
  };
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null;
}

/** The answer as OpenAI writes it. */
export function embedResponseToOpenAI(
  { model, embeddings, usage }: EmbedResponse,
  { isBase64 }: Pick<OpenAIEmbeddings, "isBase64">,
): EmbeddingList {
  const promptTokens = usage?.promptTokens ?? 0;
  return {
    object: "list",
    data: embeddings.map(({ values }, index) => ({ object: "embedding", index, embedding: isBase64 ? base64Of(values) : values })),
    model,
    usage: { prompt_tokens: promptTokens, total_tokens: promptTokens },
  };
}

function base64Of(values: readonly number[]): string {
  const view = new DataView(new ArrayBuffer(values.length * 4));
  for (const [index, value] of values.entries()) view.setFloat32(index * 4, value, true);
  return base64Encode(new Uint8Array(view.buffer));
}
