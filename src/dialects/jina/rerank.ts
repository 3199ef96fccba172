import { create } from "@bufbuild/protobuf";
import { RerankRequestSchema, type RerankRequest, type RerankResponse } from "../../../gen/parley/v1/rerank_pb.ts";
import { unsupportedField } from "../../core/reasons.ts";
import { booleanAt, defined, integerAt, listAt, objectAt, present, read, required, textAt } from "../openai/read.ts";

/** Fields of Jina and Cohere that cannot be honoured. */
const refusals: Readonly<Record<string, string>> = {
  max_chunks_per_doc: "a document is scored whole",
  max_tokens_per_doc: "a document is never cut; shorten it",
  truncation: "a document is never cut; shorten it",
  rank_fields: "documents are texts",
  return_embeddings: "ask /v1/embeddings for vectors",
};

/** Reads the body of `/v1/rerank`. Throws `invalid_request` and `unsupported_field` by its own names, which are the contract's. */
export function rerankRequestFromJina(value: unknown): RerankRequest {
  const body = objectAt(value, "body");
  for (const [name, because] of Object.entries(refusals))
    if ((present(body, name) ?? false) !== false) throw unsupportedField(name, because);
  return create(
    RerankRequestSchema,
    defined({
      model: read(body, "model", textAt),
      query: textAt(required(body, "query", ""), "query"),
      documents: listAt(required(body, "documents", ""), "documents").map((item, index) => documentAt(item, `documents[${index}]`)),
      topN: read(body, "top_n", integerAt),
      returnDocuments: read(body, "return_documents", booleanAt),
    }),
  );
}

/** A text, or an object that holds it. */
function documentAt(value: unknown, path: string): string {
  if (typeof value === "string") return textAt(value, path);
  return textAt(required(objectAt(value, path), "text", `${path}.`), `${path}.text`);
}

/** The answer as Jina writes it; Cohere's clients read the same. */
export function rerankResponseToJina(
  { model, results, usage }: RerankResponse,
  { returnDocuments }: Pick<RerankRequest, "returnDocuments">,
): object {
  const promptTokens = usage?.promptTokens ?? 0;
  return {
    object: "list",
    model,
    results: results.map(({ index, score, document }) => ({
      index,
      relevance_score: score,
      ...(returnDocuments && { document: { text: document } }),
    })),
    usage: { prompt_tokens: promptTokens, total_tokens: promptTokens },
  };
}
