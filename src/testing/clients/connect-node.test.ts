import { Code, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BadRequestSchema, ErrorInfoSchema } from "../../../gen/google/rpc/error_details_pb.ts";
import { Health, HealthCheckResponse_ServingStatus as Status } from "../../../gen/grpc/health/v1/health_pb.ts";
import { ChatService, FinishReason, type ChatResponse } from "../../../gen/parley/v1/chat_pb.ts";
import { ModelService } from "../../../gen/parley/v1/models_pb.ts";
import { ProviderService } from "../../../gen/parley/v1/providers_pb.ts";
import { TokenService } from "../../../gen/parley/v1/tokens_pb.ts";
import { eventsOf, failureOf, outlineOf, textOf, valuesOf } from "../collect-events.ts";
import { userRequest } from "../sample-request.ts";
import { startTestServer, type TestServer } from "../test-server.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ models: { tiny: {} } });
});
afterAll(() => server.close());

const transports: readonly (readonly [string, (baseUrl: string) => Transport])[] = [
  ["Connect, JSON, HTTP/1.1", (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: false })],
  ["Connect, binary, HTTP/1.1", (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "1.1" })],
  ["Connect, JSON, HTTP/2", (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "2", useBinaryFormat: false })],
  ["Connect, binary, HTTP/2", (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "2" })],
  ["gRPC-Web, HTTP/1.1", (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" })],
  ["gRPC-Web, HTTP/2", (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "2" })],
  ["gRPC, HTTP/2", (baseUrl) => createGrpcTransport({ baseUrl })],
];

describe.each(transports)("connect-node by %s", (_name, transportTo) => {
  const chat = () => createClient(ChatService, transportTo(server.url));

  it("gets a whole answer", async () => {
    const response = await chat().chat(userRequest("say it again", { model: "echo" }));
    expect(saidBy(response)).toBe("say it again");
    expect(response).toMatchObject({
      model: "echo",
      choices: [{ reason: FinishReason.STOP }],
      servedBy: { provider: "echo", attempts: 1 },
    });
    expect(response.id).toMatch(/^chatcmpl-/);
  });

  it("gets a stream, numbered without a hole", async () => {
    const events = await eventsOf(chat().stream(userRequest("one two three", { model: "echo" })));
    expect(outlineOf(events)).toEqual(["accepted", "started", "text", "finished", "completed"]);
    expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index));
    expect(textOf(events)).toBe("one two three");
  });

  it("gets an answer of a local model", async () => {
    const events = await eventsOf(chat().stream(userRequest("hello", { model: "tiny", maxTokens: 9 })));
    expect(outlineOf(events)).toEqual(["accepted", "started", "text", "finished", "completed"]);
    expect(valuesOf(events, "completed")[0]?.usage).toMatchObject({ completionTokens: 9 });
  });

  it("is told by code, reason and field what was wrong", async () => {
    const error = await failureOf(chat().chat(userRequest("hi", { model: "echo", topLogprobs: 2 })));
    expect(error.code).toBe(Code.InvalidArgument);
    expect(error.findDetails(ErrorInfoSchema)).toMatchObject([{ reason: "UNSUPPORTED_FIELD", domain: "parley.v1" }]);
    expect(error.findDetails(BadRequestSchema)[0]?.fieldViolations).toMatchObject([{ field: "top_logprobs" }]);
  });

  it("is told that there is no such model, before a stream begins", async () => {
    const error = await failureOf(eventsOf(chat().stream(userRequest("hi", { model: "nobody" }))));
    expect(error.code).toBe(Code.NotFound);
    expect(error.rawMessage).toContain("nobody");
  });

  it("ends a call at its deadline", async () => {
    const error = await failureOf(chat().chat(userRequest("hi", { model: "tiny", maxTokens: 2000 }), { timeoutMs: 150 }));
    expect(error.code).toBe(Code.DeadlineExceeded);
  });

  it("leaves a stream, and the model serves the next", async () => {
    const controller = new AbortController();
    const stream = chat().stream(userRequest("hi", { model: "tiny", maxTokens: 2000 }), { signal: controller.signal });
    const error = await failureOf(
      (async () => {
        for await (const { event } of stream) if (event.case === "text") controller.abort();
      })(),
    );
    expect(error.code).toBe(Code.Canceled);
    const next = await chat().chat(userRequest("hi", { model: "tiny", maxTokens: 3 }));
    expect(next.usage?.completionTokens).toBe(3);
  });

  it("has a request id on answers and on errors", async () => {
    const headers: Headers[] = [];
    await chat().chat(userRequest("hi", { model: "echo" }), { onHeader: (given) => headers.push(given) });
    const error = await failureOf(chat().chat(userRequest("hi", { model: "nobody" })));
    const ids = [headers[0]?.get("x-request-id"), error.metadata.get("x-request-id")];
    expect(ids.every((id) => typeof id === "string" && id.length > 8)).toBe(true);
    expect(new Set(ids).size).toBe(2);
  });

  it("asks for models, tokens and health", async () => {
    const transport = transportTo(server.url);
    const { models } = await createClient(ModelService, transport).listModels({});
    expect(models.map(({ id }) => id)).toEqual(expect.arrayContaining(["echo", "tiny"]));
    const counted = await createClient(TokenService, transport).countTokens({ chat: userRequest("a b c", { model: "echo" }) });
    expect(counted.promptTokens).toBeGreaterThan(0);
    const health = createClient(Health, transport);
    expect((await health.check({ service: "parley.v1.ChatService" })).status).toBe(Status.SERVING);
    expect((await failureOf(health.check({ service: "nobody" }))).code).toBe(Code.NotFound);
    for await (const { status } of health.watch({ service: "" })) {
      expect(status).toBe(Status.SERVING);
      break;
    }
  });

  it("learns what stands behind the service", async () => {
    const { providers } = await createClient(ProviderService, transportTo(server.url)).listProviders({});
    expect(providers.map(({ name, available }) => [name, available])).toEqual([
      ["echo", true],
      ["llama-cpp", true],
    ]);
  });
});

describe("model and provider, which the service honours for every provider", () => {
  const chat = () => createClient(ChatService, createGrpcTransport({ baseUrl: server.url }));
  const servedBy = async (ask: { model?: string; provider?: string }) =>
    (await chat().chat(userRequest("hi", { maxTokens: 1, ...ask }))).servedBy;

  it("choose who answers", async () => {
    expect(await servedBy({ model: "tiny" })).toMatchObject({ provider: "llama-cpp", model: "tiny" });
    expect(await servedBy({ model: "tiny.gguf" })).toMatchObject({ provider: "llama-cpp", model: "tiny" });
    for (const model of ["", "tiny", "whatever"]) expect(await servedBy({ model, provider: "echo" })).toMatchObject({ provider: "echo" });
    expect(await servedBy({ model: "tiny", provider: "llama-cpp" })).toMatchObject({ provider: "llama-cpp", model: "tiny" });
  });

  it("are refused where nobody answers to them", async () => {
    expect((await failureOf(servedBy({ provider: "nobody" }))).findDetails(ErrorInfoSchema)).toMatchObject([
      { reason: "PROVIDER_NOT_FOUND" },
    ]);
    expect((await failureOf(servedBy({ model: "echo", provider: "llama-cpp" }))).code).toBe(Code.NotFound);
  });
});

describe("Connect by GET", () => {
  it("answers reads, which caches may keep", async () => {
    const transport = createConnectTransport({ baseUrl: server.url, httpVersion: "1.1", useHttpGet: true });
    const { model } = await createClient(ModelService, transport).getModel({ model: "echo" });
    expect(model).toMatchObject({ id: "echo", provider: "echo" });
  });
});

function saidBy({ choices }: ChatResponse): string {
  return (choices[0]?.message?.parts ?? []).map(({ part }) => (part.case === "text" ? part.value.text : "")).join("");
}
