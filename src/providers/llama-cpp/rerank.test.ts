import { join } from "node:path";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RerankRequestSchema, type RerankResponse } from "../../../gen/parley/v1/rerank_pb.ts";
import { callContext } from "../../core/context.ts";
import { fieldOf, reasonOf } from "../../core/reasons.ts";
import { only } from "../../core/stream.ts";
import { rerankKind } from "../../core/unary-kinds.ts";
import { testCall } from "../../testing/call-context.ts";
import { failureOf } from "../../testing/collect-events.ts";
import { writeTinyBert } from "../../testing/tiny-bert.ts";
import { tinyProvider, type TinyProvider } from "../../testing/tiny-provider.ts";

let tiny: TinyProvider;
beforeAll(async () => {
  tiny = await tinyProvider({ load: { threads: 1, sequences: 1 } });
  for (const ranks of [true, false]) {
    const id = ranks ? "ranker" : "encoder";
    const path = join(tiny.library.directory, `${id}.gguf`);
    await writeTinyBert(path, { ranks });
    await tiny.library.addFile(id, path, { purpose: ranks ? "rerank" : "embed", trainedContextLength: 64 });
  }
  await tiny.library.add("chats");
  await rerank({ documents: ["load it"] });
}, 60_000);
afterAll(() => tiny.close());

function rerank(ask: MessageInitShape<typeof RerankRequestSchema>): Promise<RerankResponse> {
  const request = create(RerankRequestSchema, { model: "ranker", query: "query bread", ...ask });
  return only(tiny.provider.rerank!(request, callContext(testCall(), rerankKind, request)));
}

const documents = ["the bread", "the river", "market", "bake bread of the market"];

describe("reranking", () => {
  it("sorts all documents by scores from 0 to 1, the best first, and counts every token that was read", async () => {
    const { results, usage } = await rerank({ documents });
    const scores = results.map(({ score }) => score);
    expect(scores).toEqual(scores.toSorted((a, b) => b - a));
    expect(scores.every((score) => score > 0 && score < 1)).toBe(true);
    expect(results.map(({ index }) => index).toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3]);
    // The query's two, the document's, and four that the model reads around them.
    expect(usage?.promptTokens).toBe(8 + 8 + 7 + 11);
  });

  it("scores a document the same whatever stands beside it", async () => {
    const { results } = await rerank({ documents });
    const alone = await rerank({ documents: ["market"] });
    expect(alone.results[0]?.score).toBeCloseTo(results.find(({ index }) => index === 2)!.score, 6);
  });

  it("gives only the best, and repeats documents only when asked", async () => {
    const all = await rerank({ documents });
    const best = await rerank({ documents, topN: 2, returnDocuments: true });
    expect(best.results.map(({ index }) => index)).toEqual(all.results.slice(0, 2).map(({ index }) => index));
    expect(best.results.map(({ document }) => document)).toEqual(best.results.map(({ index }) => documents[index]));
    expect(all.results.map(({ document }) => document)).toEqual(["", "", "", ""]);
    expect((await rerank({ documents, topN: 100 })).results).toHaveLength(4);
  });

  it("refuses a document that is too long with its query, with both numbers", async () => {
    const error = await failureOf(rerank({ documents: ["market", "bread ".repeat(59)] }));
    expect([reasonOf(error), fieldOf(error)]).toEqual(["context_length_exceeded", "documents[1]"]);
    expect(error.rawMessage).toMatch(/65 tokens.* reads 64 /);
  });

  it.each(["encoder", "chats"])("is refused for a model that was not made for it: %s", async (model) => {
    const error = await failureOf(rerank({ model, documents }));
    expect([reasonOf(error), error.rawMessage]).toEqual(["model_state", expect.stringContaining("choose a reranking model")]);
  });
});
