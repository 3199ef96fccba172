import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { RerankResponseSchema } from "../../../gen/parley/v1/rerank_pb.ts";
import { fieldOf, reasonOf } from "../../core/reasons.ts";
import { failureOf } from "../../testing/collect-events.ts";
import { rankingFromJina, rankingParamOf, rankingToJina, rankingToScores } from "./rerank.ts";

describe("a body of /v1/rerank", () => {
  it("holds documents as texts or in objects", () => {
    const body = { query: "q", documents: ["a", { text: "b" }], top_n: 1, return_documents: true, model: "m" };
    const { request, isScores } = rankingFromJina(body);
    expect(request).toMatchObject({ model: "m", query: "q", documents: ["a", "b"], topN: 1, returnDocuments: true });
    expect(isScores).toBe(false);
    expect(rankingFromJina({ query: "q", documents: [] }).request).toMatchObject({ model: "", documents: [], returnDocuments: false });
  });

  it("holds texts, and asks for scores then", () => {
    const { request, isScores } = rankingFromJina({ query: "q", texts: ["a", "b"], return_text: true, raw_scores: false, truncate: false });
    expect(request).toMatchObject({ model: "", query: "q", documents: ["a", "b"], returnDocuments: true });
    expect(isScores).toBe(true);
  });

  it.each<[string, Record<string, unknown>, string, string]>([
    ["no query", { documents: [] }, "invalid_request", "query"],
    ["no documents", { query: "q" }, "invalid_request", "documents"],
    ["a document without a text", { query: "q", documents: [{}] }, "invalid_request", "documents[0].text"],
    ["a document of another type", { query: "q", documents: ["a", 7] }, "invalid_request", "documents[1]"],
    ["a text of another type", { query: "q", texts: ["a", {}] }, "invalid_request", "texts[1]"],
    ["documents under both names", { query: "q", texts: ["a"], documents: ["a"] }, "invalid_request", "texts"],
    ["a cut of documents", { query: "q", documents: [], truncation: true }, "unsupported_field", "truncation"],
    ["scores without a bound", { query: "q", texts: ["a"], raw_scores: true }, "unsupported_field", "raw_scores"],
    ["a switch that is none", { query: "q", texts: ["a"], raw_scores: 0 }, "invalid_request", "raw_scores"],
    ["fields of documents", { query: "q", documents: [], rank_fields: ["title"] }, "unsupported_field", "rank_fields"],
  ])("is refused with %s", async (_name, body, ...expected) => {
    const error = await failureOf((async () => rankingFromJina(body))());
    expect([reasonOf(error), fieldOf(error)]).toEqual(expected);
  });

  it("is told of its fields by its own names", () => {
    expect(rankingParamOf({ texts: [] })("documents[3]")).toBe("texts[3]");
    expect(rankingParamOf({ documents: [] })("documents[3]")).toBe("documents[3]");
    expect(rankingParamOf(undefined)("query")).toBe("query");
  });
});

describe("an answer of /v1/rerank", () => {
  const response = create(RerankResponseSchema, {
    model: "m",
    results: [{ index: 1, score: 0.75, document: "b" }],
    usage: { promptTokens: 9 },
  });
  const asked = (body: object) => ({ ...rankingFromJina({ query: "q", ...body }), id: "req_1" });

  it("has documents only when they were asked for", () => {
    const usage = { prompt_tokens: 9, total_tokens: 9 };
    const meta = { api_version: { version: "2" }, tokens: { input_tokens: 9, output_tokens: 0 } };
    const whole = { id: "req_1", object: "list", model: "m", usage, meta };
    const result = { index: 1, relevance_score: 0.75 };
    expect(rankingToJina(response, asked({ documents: ["a", "b"] }))).toEqual({ ...whole, results: [result] });
    expect(rankingToJina(response, asked({ documents: ["a", "b"], return_documents: true }))).toEqual({
      ...whole,
      results: [{ ...result, document: { text: "b" } }],
    });
  });

  it("is a bare list of scores for texts", () => {
    expect(rankingToScores(response, asked({ texts: ["a", "b"] }))).toEqual([{ index: 1, score: 0.75 }]);
    expect(rankingToScores(response, asked({ texts: ["a", "b"], return_text: true }))).toEqual([{ index: 1, score: 0.75, text: "b" }]);
  });
});
