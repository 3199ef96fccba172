import { create } from "@bufbuild/protobuf";
import { createClient, type ConnectRouter } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ProviderService } from "../gen/parley/v1/providers_pb.ts";
import { CountTokensRequestSchema } from "../gen/parley/v1/tokens_pb.ts";
import { loadConfig } from "./config.ts";
import { systemClock } from "./core/clock.ts";
import { callContext } from "./core/context.ts";
import { chatKind } from "./core/kinds.ts";
import { countTokensKind } from "./core/unary-kinds.ts";
import { reasonOf } from "./core/reasons.ts";
import { only } from "./core/stream.ts";
import { concurrency } from "./layers/concurrency.ts";
import { leftReads } from "./layers/left-reads.ts";
import { targetLayers } from "./service-targets.ts";
import { callLayers, startServer, type ParleyServer } from "./service.ts";
import { silentLog } from "./telemetry/log.ts";
import { createMetrics } from "./telemetry/metrics.ts";
import { testCall } from "./testing/call-context.ts";
import { eventsOf, failureOf, outlineOf, textOf } from "./testing/collect-events.ts";
import { userRequest } from "./testing/sample-request.ts";
import { recordingLog } from "./testing/recording-log.ts";
import { sharedFolder } from "./testing/temporary-folder.ts";

const loaded = loadConfig({ environment: { LLM_PROVIDER: "echo" } });
const parts = { loaded, clock: systemClock, log: silentLog, metrics: createMetrics(), reads: leftReads() };

describe("the order of the layers", () => {
  it("of a call", () => {
    const names = { defaultModel: () => "echo" } as never;
    expect(callLayers(parts, names).map(({ name }) => name)).toEqual([
      "observeLayer",
      "sequence",
      "severalChats",
      "validateLayer",
      "authorizeModelLayer",
      "keyTokensLayer",
      "acceptLayer",
      "knowNamesLayer",
      "prepare",
      "estimatedCount",
    ]);
  });
  it("of an attempt", () => {
    const queue = concurrency({ clock: systemClock, target: "p", limit: 1, queue: 1, queueMs: 1 });
    const target = { provider: "p", model: "m", label: "m", key: 0, isLocal: true, upstream: undefined, queue };
    expect(targetLayers(parts, target).map(({ name }) => name)).toEqual([
      ...["disconnectLayer", "ledgerLayer", "attemptSpanLayer", "concurrencyLayer", "timeLimitsLayer", "askedLayer"],
    ]);
  });
});

describe("the service", () => {
  const { log, lines } = recordingLog();
  const lastCall = () => lines.findLast(({ message }) => message === "call")?.facts;
  const routes = (router: ConnectRouter) =>
    void router.service(ProviderService, { listProviders: () => ({ defaultProvider: "of the embedding program" }) });
  let server: ParleyServer;
  const folder = sharedFolder();
  const environment = (port: number) => ({ LLM_PROVIDER: "echo", LLM_PORT: String(port), LLM_MODELS_DIR: folder, LLM_DATA_DIR: folder });
  beforeAll(async () => {
    server = await startServer(loadConfig({ environment: environment(0) }), { log, routes });
  });
  afterAll(async () => {
    await server.close();
  });

  it("streams chat through every layer, in the order that the contract promises", async () => {
    const request = userRequest("one two three");
    const events = await eventsOf(server.service.generate(request, callContext(testCall(), chatKind, request)));
    expect(outlineOf(events)).toEqual(["accepted", "started", "text", "finished", "completed"]);
    expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index));
    expect(textOf(events)).toBe("one two three");
    expect(lastCall()).toMatchObject({ operation: "chat", provider: "echo", status: "ok" });
  });

  it("counts tokens through the same layers, without those of chat", async () => {
    const request = create(CountTokensRequestSchema, { chat: userRequest("one two three") });
    const counted = await only(server.service.countTokens(request, callContext(testCall(), countTokensKind, request)));
    expect(counted).toMatchObject({ promptTokens: 4, model: "echo" });
    expect(lastCall()).toMatchObject({ operation: "count_tokens", status: "ok" });
    const wrong = create(CountTokensRequestSchema, { chat: { messages: [] } });
    const refusal = await failureOf(
      (async () => only(server.service.countTokens(wrong, callContext(testCall(), countTokensKind, wrong))))(),
    );
    expect(reasonOf(refusal)).toBe("invalid_request");
    expect(lastCall()).toMatchObject({ operation: "count_tokens", status: "invalid_request" });
  });

  it("counts what a request is then billed", async () => {
    const chat = userRequest("how many are these?");
    const request = create(CountTokensRequestSchema, { chat });
    const counted = await only(server.service.countTokens(request, callContext(testCall(), countTokensKind, request)));
    const events = await eventsOf(server.service.generate(chat, callContext(testCall(), chatKind, chat)));
    const completed = events.at(-1)?.event;
    expect(completed?.case === "completed" && completed.value.usage?.promptTokens).toBe(counted.promptTokens);
  });

  it("mounts the services of the program that embeds it", async () => {
    const client = createClient(ProviderService, createConnectTransport({ baseUrl: server.urls[0] ?? "", httpVersion: "1.1" }));
    expect((await client.listProviders({})).defaultProvider).toBe("of the embedding program");
  });

  it("counts calls that fail before any layer sees them", async () => {
    const [url] = server.urls;
    await (await fetch(`${url}/v1/chat/completions`, { method: "POST", body: "{" })).arrayBuffer();
    const page = async () => (await fetch(`${url}/metrics`)).text();
    await expect.poll(page).toMatch(/^llm_requests_total\{provider="none",model="none",status="malformed_body"\} 1$/m);
    expect(await page()).toMatch(/^llm_errors_total\{type="malformed_body"\} 1$/m);
  });

  it("tells the health of itself, of every service and of every model", () => {
    const names = ["", "parley.v1.ChatService", "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "model:echo"];
    expect(names.map((name) => server.service.health.status(name))).toEqual(names.map(() => "SERVING"));
  });

  it("refuses a port that is taken", async () => {
    const second = startServer(loadConfig({ environment: environment(server.port) }), { log: silentLog });
    expect(reasonOf(await failureOf(second))).toBe("invalid_request");
  });
});
