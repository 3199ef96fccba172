import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { RerankResponseSchema } from "../../../gen/parley/v1/rerank_pb.ts";
import { fieldOf, reasonOf } from "../../core/reasons.ts";
import { failureOf } from "../../testing/collect-events.ts";
import { rerankRequestFromJina, rerankResponseToJina } from "./rerank.ts";

describe("a body of /v1/rerank", () => {
  it("holds documents as texts or in objects", () => {
    const body = { query: "q", documents: ["a", { text: "b" }], top_n: 1, return_documents: true, model: "m" };
    expect(rerankRequestFromJina(body)).toMatchObject({ model: "m", query: "q", documents: ["a", "b"], topN: 1, returnDocuments: true });
    expect(rerankRequestFromJina({ query: "q", documents: [] })).toMatchObject({ model: "", documents: [], returnDocuments: false });
  });

  it.each<[string, Record<string, unknown>, string, string]>([
    ["no query", { documents: [] }, "invalid_request", "query"],
    ["no documents", { query: "q" }, "invalid_request", "documents"],
    ["a document without a text", { query: "q", documents: [{}] }, "invalid_request", "documents[0].text"],
    ["a document of another type", { query: "q", documents: ["a", 7] }, "invalid_request", "documents[1]"],
    ["a cut of documents", { query: "q", documents: [], truncation: true }, "unsupported_field", "truncation"],
  ])("is refused with %s", async (_name, body, reason, field) => {
    const error = await failureOf((async () => rerankRequestFromJina(body))());
    expect([reasonOf(error), fieldOf(error)]).toEqual([reason, field]);
  });
});

describe("an answer of /v1/rerank", () => {
  const response = create(RerankResponseSchema, {
    model: "m",
    results: [{ index: 1, score: 0.75, document: "b" }],
    usage: { promptTokens: 9 },
  });

  it("has documents only when they were asked for", () => {
    const whole = { object: "list", model: "m", usage: { prompt_tokens: 9, total_tokens: 9 } };
    const result = { index: 1, relevance_score: 0.75 };
    expect(rerankResponseToJina(response, { returnDocuments: false })).toEqual({ ...whole, results: [result] });
    expect(rerankResponseToJina(response, { returnDocuments: true })).toEqual({
      ...whole,
      results: [{ ...result, document: { text: "b" } }],
    });
  });
});
