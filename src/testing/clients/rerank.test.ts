import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadAll, startTestServer, type TestServer } from "../test-server.ts";

// What clients of reranking services send, as bytes: none of them is needed to send it.

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ encoders: { encoder: {}, ranker: { ranks: true } } });
  await loadAll(server);
}, 60_000);
afterAll(() => server.close());

async function rerank(path: string, body: object) {
  const response = await fetch(server.url + path, { method: "POST", body: JSON.stringify(body) });
  return { status: response.status, json: await response.json() };
}

interface Ranked {
  readonly index: number;
  readonly relevance_score: number;
}

describe("reranking", () => {
  const asked = { model: "ranker", query: "bread" };
  const documents = ["the bread", "river", "bake bread of the market"];

  it.each(["/v1/rerank", "/v2/rerank", "/rerank"])("by POST %s ranks documents, and scores texts the same", async (path) => {
    const ranked = await rerank(path, { ...asked, documents, top_n: 2 });
    const { results, id } = ranked.json as { readonly results: readonly Ranked[]; readonly id: string };
    expect([ranked.status, results.length, id.startsWith("req_")]).toEqual([200, 2, true]);
    const scored = await rerank(path, { ...asked, texts: documents, return_text: true });
    expect(scored.status).toBe(200);
    expect(scored.json).toHaveLength(3);
    expect((scored.json as object[]).slice(0, 2)).toEqual(
      results.map(({ index, relevance_score: score }) => ({ index, score: expect.closeTo(score, 6), text: documents[index] })),
    );
  });

  it("takes the only model that ranks where none is named, as TEI's clients do", async () => {
    const { status, json } = await rerank("/rerank", { query: "bread", texts: documents });
    expect([status, (json as readonly { index: number }[]).map(({ index }) => index).toSorted((a, b) => a - b)]).toEqual([200, [0, 1, 2]]);
  });

  it("names fields as they were asked", async () => {
    const { status, json } = await rerank("/rerank", { ...asked, texts: [] });
    expect([status, json]).toMatchObject([400, { error: { param: "texts" } }]);
    const long = await rerank("/rerank", { ...asked, texts: ["a", "bread ".repeat(99)] });
    expect([long.status, long.json]).toMatchObject([400, { error: { param: "texts[1]", code: "context_length_exceeded" } }]);
    const wrong = await rerank("/v2/rerank", { ...asked, model: "encoder", documents });
    expect(wrong.status).toBe(409);
  });
});
