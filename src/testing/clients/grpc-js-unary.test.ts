import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { call, failure, grpcJsClient, type Client, type Message } from "../grpc-js-client.ts";
import { loadAll, startTestServer, type TestServer } from "../test-server.ts";

let server: TestServer;
const clients = new Map<string, Client>();
beforeAll(async () => {
  server = await startTestServer({ models: { tiny: {} }, encoders: { encoder: {}, ranker: { ranks: true } } });
  for (const name of ["Embedding", "Rerank", "Token", "Model", "Chat"])
    clients.set(name, grpcJsClient(server.port, `parley.v1.${name}Service`));
  await loadAll(server);
}, 60_000);
afterAll(async () => {
  for (const client of clients.values()) client.close();
  await server.close();
});

const ask = async (service: string, method: string, message: Message) => (await call(clients.get(service)!, method, message)).answer;
const user = (text: string, more = {}) => ({ messages: [{ role: "ROLE_USER", parts: [{ text: { text } }] }], ...more });
const embeddingsOf = (answer: Message) => (answer["embeddings"] as { readonly values: number[] }[]).map(({ values }) => values);

describe("grpc-js with the .proto files", () => {
  it("embeds texts with the only model that was made for it", async () => {
    const answer = await ask("Embedding", "Embed", { inputs: [{ text: "the bread" }, { text: "the river" }], dimensions: 3 });
    const vectors = embeddingsOf(answer);
    expect(vectors.map((values) => [values.length, Math.hypot(...values)])).toEqual([
      [3, expect.closeTo(1, 5)],
      [3, expect.closeTo(1, 5)],
    ]);
    expect(answer).toMatchObject({ model: "encoder", usage: { prompt_tokens: 8 }, served_by: { provider: "llama-cpp", model: "encoder" } });
  });

  it("ranks documents with the only model that was made for it", async () => {
    const answer = await ask("Rerank", "Rerank", { query: "bread", documents: ["the bread", "river"], return_documents: true, top_n: 1 });
    expect(answer["results"]).toEqual([{ index: expect.any(Number), score: expect.any(Number), document: expect.any(String) }]);
    expect(answer).toMatchObject({ model: "ranker", usage: { prompt_tokens: 13 }, served_by: { model: "ranker" } });
  });

  it("splits text into tokens and joins them again", async () => {
    const answer = await ask("Token", "Tokenize", { model: "tiny", text: "the thing", include_pieces: true });
    const pieces = answer["pieces"] as Buffer[];
    expect(Buffer.concat(pieces).toString()).toBe("the thing");
    expect(pieces).toHaveLength((answer["token_ids"] as number[]).length);
    expect(await ask("Token", "Detokenize", { model: "tiny", token_ids: answer["token_ids"] })).toEqual({
      text: "the thing",
      model: "tiny",
    });
  });

  it("counts what the same request is then billed, and sees what the model reads", async () => {
    const chat = user("how long is this?", { model: "tiny", max_tokens: 1 });
    const counted = await ask("Token", "CountTokens", { chat });
    const billed = await ask("Chat", "Chat", chat);
    expect(counted["prompt_tokens"]).toBe((billed["usage"] as Message)["prompt_tokens"]);
    const { prompt } = await ask("Token", "RenderPrompt", { chat });
    expect(prompt).toBe("<|im_start|>user\nhow long is this?<|im_end|>\n<|im_start|>assistant\n");
  });

  it("warms a prompt's beginning", async () => {
    const beginning = { model: "tiny", ...user("a long beginning that later requests share") };
    const first = await ask("Model", "WarmPrompt", beginning);
    expect(first["cached_tokens"]).toBeLessThan(first["prompt_tokens"] as number);
    const again = await ask("Model", "WarmPrompt", beginning);
    expect(again).toEqual({ prompt_tokens: first["prompt_tokens"], cached_tokens: first["prompt_tokens"] });
    const chat = await ask("Chat", "Chat", { ...beginning, max_tokens: 1 });
    // The last token of a state may be read anew.
    expect((chat["usage"] as Message)["cached_tokens"]).toBeGreaterThanOrEqual((first["prompt_tokens"] as number) - 1);
  });

  it("is told what models were made for", async () => {
    const models = (await ask("Model", "ListModels", {}))["models"] as { readonly id: string; readonly capabilities: string[] }[];
    expect(Object.fromEntries(models.map(({ id, capabilities }) => [id, capabilities[0]]))).toEqual({
      echo: "CAPABILITY_CHAT",
      encoder: "CAPABILITY_EMBED",
      ranker: "CAPABILITY_RERANK",
      tiny: "CAPABILITY_CHAT",
    });
  });

  it.each<[string, string, string, Message, number, RegExp]>([
    ["an input without anything", "Embedding", "Embed", { inputs: [{}] }, status.INVALID_ARGUMENT, /inputs\[0\]/],
    ["too long an input", "Embedding", "Embed", { inputs: [{ text: "bread ".repeat(99) }] }, status.INVALID_ARGUMENT, /101 tokens.*64/],
    [
      "vectors of a model that ranks",
      "Embedding",
      "Embed",
      { model: "ranker", inputs: [{ text: "a" }] },
      status.FAILED_PRECONDITION,
      /ranks/,
    ],
    ["no documents", "Rerank", "Rerank", { query: "q" }, status.INVALID_ARGUMENT, /documents/],
    [
      "an order by a model that chats",
      "Rerank",
      "Rerank",
      { model: "tiny", query: "q", documents: ["a"] },
      status.FAILED_PRECONDITION,
      /no head/,
    ],
    ["tokens of nobody", "Token", "Tokenize", { model: "nobody", text: "a" }, status.NOT_FOUND, /nobody/],
    ["a token that there is not", "Token", "Detokenize", { model: "tiny", token_ids: [99_999] }, status.INVALID_ARGUMENT, /99999/],
    ["the prompt of nothing", "Token", "RenderPrompt", {}, status.INVALID_ARGUMENT, /chat/],
    [
      "the count of an image",
      "Token",
      "CountTokens",
      { chat: { messages: [{ role: "ROLE_USER", parts: [{ image: { url: "u" } }] }], model: "tiny" } },
      status.INVALID_ARGUMENT,
      /image/,
    ],
    [
      "a chat with a model that makes vectors",
      "Chat",
      "Chat",
      user("hi", { model: "encoder" }),
      status.FAILED_PRECONDITION,
      /makes vectors/,
    ],
    ["the beginning of nothing", "Model", "WarmPrompt", { model: "tiny" }, status.INVALID_ARGUMENT, /messages/],
  ])("is refused %s", async (_name, service, method, message, code, words) => {
    const error = await failure(ask(service, method, message));
    expect([error.code, error.details]).toEqual([code, expect.stringMatching(words)]);
  });
});
