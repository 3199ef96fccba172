import OpenAI, { BadRequestError, ConflictError, NotFoundError } from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadAll, startTestServer, type TestServer } from "../test-server.ts";

let server: TestServer;
let openai: OpenAI;
beforeAll(async () => {
  server = await startTestServer({ encoders: { encoder: {}, ranker: { ranks: true } } });
  openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 0 });
  await loadAll(server);
}, 60_000);
afterAll(() => server.close());

const create = (input: OpenAI.EmbeddingCreateParams["input"], more: Partial<OpenAI.EmbeddingCreateParams> = {}) =>
  openai.embeddings.create({ model: "encoder", input, ...more });
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

describe("the OpenAI client for Node", () => {
  it("gets the same vectors in base64, which it asks for by itself, and in numbers", async () => {
    const packed = await create(["the bread", "river"]);
    const plain = await create(["the bread", "river"], { encoding_format: "float" });
    expect(packed.data.map(({ embedding }) => embedding)).toEqual(
      plain.data.map(({ embedding }) => embedding.map((value) => expect.closeTo(value, 6))),
    );
    expect(packed).toMatchObject({ object: "list", model: "encoder", usage: { prompt_tokens: 4 + 3, total_tokens: 4 + 3 } });
    expect(packed.data.map(({ index, object }) => [index, object])).toEqual([
      [0, "embedding"],
      [1, "embedding"],
    ]);
    expect(Math.hypot(...packed.data[0]!.embedding)).toBeCloseTo(1, 5);
  });

  it("sends one text, tokens, and dimensions", async () => {
    const [text] = (await create("the bread", { dimensions: 4 })).data;
    const [tokens] = (await create([5, 6], { dimensions: 4 })).data;
    expect(text?.embedding).toEqual(tokens?.embedding.map((value) => expect.closeTo(value, 5)));
    expect(text?.embedding).toHaveLength(4);
  });

  it("sends texts and tokens in all forms, and gets a vector each, in their order", async () => {
    const [lists, mixed] = [await create([[5, 6], [7]]), await create(["the bread", "river", "the bread"])];
    expect(lists.data.map(({ index }) => index)).toEqual([0, 1]);
    expect(mixed.data.map(({ index }) => index)).toEqual([0, 1, 2]);
    expect(mixed.data[2]?.embedding).toEqual(mixed.data[0]?.embedding.map((value) => expect.closeTo(value, 5)));
    expect(mixed.data[1]?.embedding).not.toEqual(mixed.data[0]?.embedding);
  });

  it.each<[string, OpenAI.EmbeddingCreateParams["input"]]>([
    ["input", ""],
    ["input", []],
    ["input[1]", ["a", ""]],
    ["input[0]", [[]]],
    ["input[1]", [[5], [-1]]],
  ])("is refused by the name %s what is empty or no token: %j", async (param, input) => {
    expect(await failure(create(input))).toMatchObject({ status: 400, param: expect.stringContaining(param) });
  });

  it("raises its own classes, with its own names of fields", async () => {
    const [long, empty, wide, nobody, ranker] = await Promise.all([
      failure(create(["a", "bread ".repeat(99)])),
      failure(create([])),
      failure(create("a", { dimensions: 65 })),
      failure(create("a", { model: "nobody" })),
      failure(create("a", { model: "ranker" })),
    ]);
    expect(long).toBeInstanceOf(BadRequestError);
    expect(long).toMatchObject({ code: "context_length_exceeded", param: "input[1]" });
    expect(empty).toMatchObject({ status: 400, param: "input" });
    expect(wide).toMatchObject({ status: 400, param: "dimensions" });
    expect(nobody).toBeInstanceOf(NotFoundError);
    expect(ranker).toBeInstanceOf(ConflictError);
  });
});

describe("POST /v1/rerank", () => {
  const rerank = async (body: object) => {
    const response = await fetch(`${server.url}/v1/rerank`, { method: "POST", body: JSON.stringify(body) });
    return { status: response.status, json: (await response.json()) as Record<string, unknown> };
  };

  it("ranks texts and objects, and repeats them when asked", async () => {
    const body = { model: "ranker", query: "bread", documents: ["the bread", { text: "river" }], return_documents: true };
    const { status, json } = await rerank(body);
    expect(status).toBe(200);
    expect(json).toMatchObject({ model: "ranker", usage: { total_tokens: 7 + 6 } });
    const results = json["results"] as { index: number; relevance_score: number; document: { text: string } }[];
    expect(results.map(({ index, document }) => [index, document.text] as const).toSorted(([a], [b]) => a - b)).toEqual([
      [0, "the bread"],
      [1, "river"],
    ]);
    expect(results[0]!.relevance_score).toBeGreaterThanOrEqual(results[1]!.relevance_score);
  });

  it("names the field at fault", async () => {
    const { status, json } = await rerank({ model: "ranker", query: "bread", documents: ["a"], top_n: 0 });
    expect([status, json]).toMatchObject([400, { error: { param: "top_n" } }]);
  });
});
