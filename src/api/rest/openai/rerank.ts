import { rerankKind } from "../../../core/unary-kinds.ts";
import { rankingFromJina, rankingParamOf, rankingToJina, rankingToScores } from "../../../dialects/jina/rerank.ts";
import { RerankAnswer, RerankBody, ScoreList } from "../../../dialects/jina/wire/rerank.ts";
import { Type } from "typebox";
import type { Doors, Serve } from "../../exchange.ts";
import { openaiEnvelope } from "../envelope.ts";
import type { Operation, Route } from "../route.ts";
import { wholeAnswer } from "../whole-answer.ts";

/** Ranks documents, as Jina, Cohere, vLLM and TEI have it. */
function rerank(doors: Doors): Serve {
  return wholeAnswer(doors, {
    kind: rerankKind,
    work: doors.service.rerank,
    envelopeFor: (body) => openaiEnvelope(rankingParamOf(body)),
    read(body, { call: { requestId: id } }) {
      const asked = rankingFromJina(body);
      return {
        request: asked.request,
        write: (answer) => (asked.isScores ? rankingToScores(answer, asked) : rankingToJina(answer, { ...asked, id })),
      };
    },
  });
}

const operation: Operation = {
  tag: "OpenAI",
  summary: "Rank documents by a query",
  body: RerankBody,
  answers: { "application/json": Type.Union([RerankAnswer, ScoreList]) },
};

/** Where clients ask: Jina's and Cohere's older ones, Cohere's newer ones, and those of TEI, vLLM and llama-server. */
const paths = ["/v1/rerank", "/v2/rerank", "/rerank"];

/** What clients of reranking services ask for. */
export function rerankRoutes(doors: Doors): readonly Route[] {
  const serve = rerank(doors);
  return paths.map((path) => ({ path, purpose: "call", envelope: openaiEnvelope(), methods: { POST: { serve, operation } } }));
}
