import { create } from "@bufbuild/protobuf";
import { RerankResponseSchema, type RerankRequest, type RerankResponse } from "../../../gen/parley/v1/rerank_pb.ts";
import { UsageSource } from "../../../gen/parley/v1/usage_pb.ts";
import type { CallContext } from "../../core/context.ts";
import type { LocalEngines } from "./local-engines.ts";

/** Scores the documents of a request and sorts them, the best first; among equals the earlier one. */
export async function rerank(engines: LocalEngines, request: RerankRequest, { signal }: CallContext): Promise<RerankResponse> {
  const { model, query, documents, topN = documents.length, returnDocuments } = request;
  const { engine, loadMs, release } = await engines.lease(model, signal, "rerank");
  try {
    const { scores, promptTokens } = await engine.ask({ type: "rerank", query, documents }, signal);
    const results = scores
      .map((score, index) => ({ index, score, document: returnDocuments ? (documents[index] ?? "") : "" }))
      .toSorted((a, b) => b.score - a.score)
      .slice(0, topN);
    return create(RerankResponseSchema, {
      model,
      results,
      usage: { promptTokens, source: UsageSource.PROVIDER },
      timings: loadMs === undefined ? {} : { loadMs: Math.round(loadMs) },
    });
  } finally {
    release();
  }
}
