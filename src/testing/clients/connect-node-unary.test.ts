import { create } from "@bufbuild/protobuf";
import { Code, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BadRequestSchema, ErrorInfoSchema } from "../../../gen/google/rpc/error_details_pb.ts";
import { ChatService } from "../../../gen/parley/v1/chat_pb.ts";
import { EmbeddingService, EmbedRequestSchema } from "../../../gen/parley/v1/embeddings_pb.ts";
import { ModelService } from "../../../gen/parley/v1/models_pb.ts";
import { RerankService } from "../../../gen/parley/v1/rerank_pb.ts";
import { TokenService } from "../../../gen/parley/v1/tokens_pb.ts";
import { failureOf } from "../collect-events.ts";
import { userRequest } from "../sample-request.ts";
import { loadAll, startTestServer, type TestServer } from "../test-server.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ models: { tiny: {} }, encoders: { encoder: {}, ranker: { ranks: true } } });
  await loadAll(server);
}, 60_000);
afterAll(() => server.close());

const transports: readonly (readonly [string, (baseUrl: string) => Transport])[] = [
  ["Connect, JSON, HTTP/1.1", (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: false })],
  ["gRPC-Web, HTTP/1.1", (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" })],
  ["gRPC, HTTP/2", (baseUrl) => createGrpcTransport({ baseUrl })],
];

const textInput = (value: string) => ({ input: { case: "text" as const, value } });

describe.each(transports)("connect-node by %s", (_name, transportTo) => {
  const embeddings = () => createClient(EmbeddingService, transportTo(server.url));
  const tokens = () => createClient(TokenService, transportTo(server.url));

  it("embeds text and tokens", async () => {
    const { tokenIds } = await tokens().tokenize({ model: "encoder", text: "the bread" });
    const inputs = [textInput("the bread"), { input: { case: "tokenIds" as const, value: { ids: tokenIds } } }];
    const answer = await embeddings().embed(create(EmbedRequestSchema, { model: "encoder", inputs }));
    const [one, other] = answer.embeddings.map(({ values }) => values);
    expect(one).toEqual(other?.map((value) => expect.closeTo(value, 5)));
    expect(answer).toMatchObject({ usage: { promptTokens: 8 }, servedBy: { attempts: 1 }, timings: { totalMs: expect.any(Number) } });
  });

  it("is told which input is too long, with both numbers", async () => {
    const error = await failureOf(embeddings().embed({ model: "encoder", inputs: [textInput("a"), textInput("bread ".repeat(70))] }));
    expect([error.code, error.findDetails(ErrorInfoSchema)[0]]).toMatchObject([
      Code.InvalidArgument,
      { reason: "CONTEXT_LENGTH_EXCEEDED", metadata: { prompt_tokens: "72", context_length: "64" } },
    ]);
    expect(error.findDetails(BadRequestSchema)[0]?.fieldViolations[0]?.field).toBe("inputs[1]");
  });

  it("ranks documents", async () => {
    const client = createClient(RerankService, transportTo(server.url));
    const { results } = await client.rerank({ model: "ranker", query: "bread", documents: ["the bread", "river", "market"] });
    expect(results.map(({ index }) => index).toSorted((a, b) => a - b)).toEqual([0, 1, 2]);
    const error = await failureOf(client.rerank({ model: "encoder", query: "bread", documents: ["a"] }));
    expect([error.code, error.rawMessage]).toEqual([Code.FailedPrecondition, expect.stringContaining("choose a reranking model")]);
  });

  it("tokenizes, joins, counts and renders", async () => {
    const { tokenIds } = await tokens().tokenize({ model: "tiny", text: "hello there" });
    expect((await tokens().detokenize({ model: "tiny", tokenIds })).text).toBe("hello there");
    const chat = userRequest("hello there", { model: "tiny", maxTokens: 1 });
    const { promptTokens } = await tokens().countTokens({ chat });
    const { usage } = await createClient(ChatService, transportTo(server.url)).chat(chat);
    expect(usage?.promptTokens).toBe(promptTokens);
    expect((await tokens().renderPrompt({ chat })).prompt).toContain("hello there");
    expect((await failureOf(tokens().detokenize({ model: "tiny", tokenIds: [-1] }))).code).toBe(Code.InvalidArgument);
    expect((await failureOf(tokens().renderPrompt({}))).code).toBe(Code.InvalidArgument);
  });

  it("warms a prompt's beginning", async () => {
    const models = createClient(ModelService, transportTo(server.url));
    const { messages } = userRequest("the beginning of many prompts, which is somewhat longer than the rest");
    const warm = await models.warmPrompt({ model: "tiny", messages });
    expect(warm.promptTokens).toBeGreaterThan(0);
    expect((await models.warmPrompt({ model: "tiny", messages })).cachedTokens).toBe(warm.promptTokens);
    expect((await failureOf(models.warmPrompt({ model: "encoder", messages }))).code).toBe(Code.FailedPrecondition);
  });
});

describe("without a model's name", () => {
  it("the only embedding and the only reranking model answer", async () => {
    const transport = createGrpcTransport({ baseUrl: server.url });
    expect((await createClient(EmbeddingService, transport).embed({ inputs: [textInput("a")] })).model).toBe("encoder");
    expect((await createClient(RerankService, transport).rerank({ query: "a", documents: ["a"] })).model).toBe("ranker");
  });

  it("is told that there is none for vectors where none was made for them", async () => {
    const bare = await startTestServer({ models: { tiny: {} } });
    const client = createClient(EmbeddingService, createGrpcTransport({ baseUrl: bare.url }));
    const error = await failureOf(client.embed({ inputs: [textInput("a")] }));
    expect([error.code, error.rawMessage]).toEqual([Code.NotFound, expect.stringContaining("no default embedding model")]);
    await bare.close();
  });
});

describe("the log", () => {
  it("has one line of an embedding, with its tokens and nothing of its text", async () => {
    const client = createClient(EmbeddingService, createGrpcTransport({ baseUrl: server.url }));
    const from = server.log.length;
    await client.embed({ model: "encoder", inputs: [textInput("bread of secrets")] });
    const calls = () => server.log.slice(from).filter(({ message }) => message === "call");
    await expect.poll(calls).toHaveLength(1);
    expect(calls()[0]?.facts).toMatchObject({
      operation: "embeddings",
      servedModel: "encoder",
      status: "ok",
      promptTokens: expect.any(Number),
    });
    expect(JSON.stringify(server.log.slice(from))).not.toContain("secrets");
  });
});
