import { create } from "@bufbuild/protobuf";
import { RerankRequestSchema, type RerankRequest, type RerankResponse } from "../../../gen/parley/v1/rerank_pb.ts";
import { invalidField, unsupportedField } from "../../core/reasons.ts";
import { booleanAt, defined, integerAt, listAt, objectAt, present, read, required, textAt, type Json } from "../openai/read.ts";
import type { RerankAnswer, ScoreList } from "./wire/rerank.ts";

/** What a body asks for, and how its answer is to be written. */
export interface AskedRanking {
  readonly request: RerankRequest;
  /** Whether it asks as TEI's clients do, who are told a bare list. */
  readonly isScores: boolean;
}

/** Fields that cannot be honoured: Jina's, Cohere's and vLLM's. What is 0 or empty asks for nothing. */
const refusals: Readonly<Record<string, string>> = {
  max_chunks_per_doc: "a document is scored whole",
  max_tokens_per_doc: "a document is never cut; shorten it",
  max_tokens_per_query: "a query is never cut; shorten it",
  truncate_prompt_tokens: "a document is never cut; shorten it",
  rank_fields: "documents are texts",
  priority: "calls of this kind wait in one queue",
};

/** Switches that can only be off: Jina's and TEI's. */
const switches: Readonly<Record<string, string>> = {
  truncation: "a document is never cut; shorten it",
  truncate: "a text is never cut; shorten it",
  return_embeddings: "ask /v1/embeddings for vectors",
  raw_scores: "scores are from 0 to 1",
};

/** Reads the body of `/v1/rerank`: with `documents` as Jina, Cohere and vLLM have it, with `texts` as TEI does. Throws `invalid_request` and `unsupported_field` by its own names. */
export function rankingFromJina(value: unknown): AskedRanking {
  const body = objectAt(value, "body");
  for (const [name, because] of Object.entries(refusals)) if (asks(present(body, name))) throw unsupportedField(name, because);
  for (const [name, because] of Object.entries(switches)) if (read(body, name, booleanAt) === true) throw unsupportedField(name, because);
  const isScores = present(body, "texts") !== undefined;
  if (isScores && present(body, "documents") !== undefined) throw invalidField("texts", "contradicts documents: send one of them");
  const request = create(
    RerankRequestSchema,
    defined({
      model: read(body, "model", textAt),
      query: textAt(required(body, "query", ""), "query"),
      documents: isScores ? textsOf(body) : documentsOf(body),
      topN: read(body, "top_n", integerAt),
      returnDocuments: read(body, isScores ? "return_text" : "return_documents", booleanAt),
    }),
  );
  return { request, isScores };
}

function asks(value: unknown): boolean {
  return value !== undefined && value !== 0 && !(Array.isArray(value) && value.length === 0);
}

function textsOf(body: Json): string[] {
  return listAt(required(body, "texts", ""), "texts").map((item, index) => textAt(item, `texts[${index}]`));
}

function documentsOf(body: Json): string[] {
  return listAt(required(body, "documents", ""), "documents").map((item, index) => documentAt(item, `documents[${index}]`));
}

/** A text, or an object that holds it. */
function documentAt(value: unknown, path: string): string {
  if (typeof value === "string") return textAt(value, path);
  return textAt(required(objectAt(value, path), "text", `${path}.`), `${path}.text`);
}

/** Names fields as the caller of this body did. */
export function rankingParamOf(body: unknown): (field: string) => string {
  const isScores = typeof body === "object" && body !== null && present(body as Json, "documents") === undefined && "texts" in body;
  if (!isScores) return (field) => field;
  return (field) => (field === "return_documents" ? "return_text" : field.replace(/^documents/u, "texts"));
}

/** The answer as Jina, Cohere and vLLM write it, each of whose clients reads what it knows. */
export function rankingToJina({ model, results, usage }: RerankResponse, asked: AskedRanking & { readonly id: string }): RerankAnswer {
  const promptTokens = usage?.promptTokens ?? 0;
  const { returnDocuments } = asked.request;
  return {
    id: asked.id,
    object: "list",
    model,
    results: results.map(({ index, score, document }) => ({
      index,
      relevance_score: score,
      ...(returnDocuments && { document: { text: document } }),
    })),
    usage: { prompt_tokens: promptTokens, total_tokens: promptTokens },
    meta: { api_version: { version: "2" }, tokens: { input_tokens: promptTokens, output_tokens: 0 } },
  };
}

/** The answer as TEI writes it. */
export function rankingToScores({ results }: RerankResponse, { request: { returnDocuments } }: AskedRanking): ScoreList {
  return results.map(({ index, score, document }) => ({ index, score, ...(returnDocuments && { text: document }) }));
}
