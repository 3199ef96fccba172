import { Type, type Static } from "typebox";
import { integer, sayable } from "../../openai/wire/shapes.ts";

const document = Type.Object({ text: Type.String() });

/** What Jina's, Cohere's and vLLM's clients send to have documents ranked. */
export const RerankRequest = Type.Object({
  model: sayable(Type.String({ maxLength: 256, description: "Absent: the only reranking model on disk." })),
  query: Type.String({ minLength: 1 }),
  documents: Type.Array(Type.Union([Type.String(), document]), { minItems: 1 }),
  top_n: sayable(integer({ minimum: 1, maximum: 2048, description: "Only so many of the best." })),
  return_documents: sayable(Type.Boolean()),
});

/** What TEI's clients send to have texts scored. */
export const ScoreRequest = Type.Object({
  model: sayable(Type.String({ maxLength: 256, description: "Absent: the only reranking model on disk." })),
  query: Type.String({ minLength: 1 }),
  texts: Type.Array(Type.String(), { minItems: 1 }),
  top_n: sayable(integer({ minimum: 1, maximum: 2048, description: "llama-server's: only so many of the best." })),
  return_text: sayable(Type.Boolean()),
  raw_scores: sayable(Type.Literal(false, { description: "Scores are from 0 to 1." })),
  truncate: sayable(Type.Literal(false, { description: "A text is never cut." })),
});

/** Documents asked for in either way: `texts` instead of `documents` is TEI's. */
export const RerankBody = Type.Union([RerankRequest, ScoreRequest]);

/** Documents by how well they answer a query, the best first, as Jina, Cohere and vLLM tell it. */
export const RerankAnswer = Type.Object({
  id: Type.String(),
  object: Type.Literal("list"),
  model: Type.String(),
  results: Type.Array(
    Type.Object({ index: Type.Integer(), relevance_score: Type.Number({ description: "0 to 1." }), document: Type.Optional(document) }),
  ),
  usage: Type.Object({ prompt_tokens: Type.Integer(), total_tokens: Type.Integer() }),
  meta: Type.Object({
    api_version: Type.Object({ version: Type.String() }),
    tokens: Type.Object({ input_tokens: Type.Integer(), output_tokens: Type.Literal(0) }),
  }),
});
/** Documents by how well they answer a query, the best first. */
export type RerankAnswer = Static<typeof RerankAnswer>;

/** Texts with their scores, the best first, as TEI tells it. */
export const ScoreList = Type.Array(
  Type.Object({ index: Type.Integer(), score: Type.Number({ description: "0 to 1." }), text: Type.Optional(Type.String()) }),
);
/** Texts with their scores, the best first. */
export type ScoreList = Static<typeof ScoreList>;
