import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { ChatService } from "../../gen/parley/v1/chat_pb.ts";
import { eventsOf, failureOf } from "./collect-events.ts";
import { startOtlpReceiver, type OtlpReceiver, type SentSpan } from "./otlp-receiver.ts";
import { startParleyProcess, type ParleyProcess } from "./parley-process.ts";
import { userRequest } from "./sample-request.ts";

vi.setConfig({ hookTimeout: 60_000 });

const secret = randomBytes(24).toString("hex");
/** What the callers say they are part of. */
const traces = {
  grpc: { id: randomBytes(16).toString("hex"), parent: randomBytes(8).toString("hex") },
  rest: { id: randomBytes(16).toString("hex"), parent: randomBytes(8).toString("hex") },
  embeddings: { id: randomBytes(16).toString("hex"), parent: randomBytes(8).toString("hex") },
  error: { id: randomBytes(16).toString("hex"), parent: randomBytes(8).toString("hex") },
};
const header = ({ id, parent }: (typeof traces)["grpc"]) => ({ traceparent: `00-${id}-${parent}-01` });

let receiver: OtlpReceiver;
let parley: ParleyProcess;
let metrics = "";

// One run of the real command, in which every kind of call is made once; the tests look at what it left behind.
beforeAll(async () => {
  receiver = await startOtlpReceiver();
  const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, LLM_LOG_LEVEL: "trace" };
  parley = await startParleyProcess({ models: { tiny: {} }, environment });
  const chat = createClient(ChatService, createGrpcTransport({ baseUrl: parley.url }));
  const words = `the secret is ${secret}`;
  await eventsOf(chat.stream(userRequest(words, { model: "tiny", maxTokens: 8 }), { headers: header(traces.grpc) }));
  await chat.chat(userRequest(words, { model: "echo", endUserId: secret, metadata: { label: secret } }));
  await failureOf(chat.chat(userRequest(words, { model: "echo", topLogprobs: 1 })));
  await failureOf(chat.chat(userRequest(`${words} `.repeat(400), { model: "tiny" })));
  await post({ model: "tiny", max_tokens: 4, messages: [{ role: "user", content: words }] }, header(traces.rest));
  await post({ model: "tiny", input: [words, secret], user: secret }, header(traces.embeddings), "/v1/embeddings");
  await post({ model: "tiny", query: words, documents: [secret] }, {}, "/v1/rerank");
  await post({ model: "nobody", messages: [{ role: "user", content: words }] }, header(traces.error));
  await post({ model: "echo", messages: [{ role: words, content: words }], stop: [secret], tools: secret, [secret]: secret });
  await post(`{"messages": [{"content": "${secret}" oops`);
  metrics = await (await fetch(`${parley.url}/metrics`)).text();
  parley.process.kill("SIGTERM");
  await parley.ended;
});
afterAll(async () => {
  receiver.close();
  await parley.cleanUp();
});

describe("spans, as the exporter sent them", () => {
  const named = (name: string, traceId: string): SentSpan => {
    const found = receiver.spans.find((span) => span.name === name && span.traceId === traceId);
    if (found === undefined) throw new Error(`no span ${name} in ${receiver.spans.map((span) => span.name).join(", ")}`);
    return found;
  };

  it("continue the caller's trace over gRPC metadata: SERVER, below it the attempt, below that queue, prefill and generation", () => {
    const server = named("parley.v1.ChatService/Stream", traces.grpc.id);
    const attempt = named("chat tiny", traces.grpc.id);
    expect(server).toMatchObject({ kind: 2, parentId: traces.grpc.parent });
    expect(attempt.parentId).toBe(server.spanId);
    for (const phase of ["queue", "prefill", "generation"]) expect(named(phase, traces.grpc.id).parentId).toBe(attempt.spanId);
  });

  it("continue the caller's trace over HTTP headers", () => {
    const server = named("POST /v1/chat/completions", traces.rest.id);
    expect(server).toMatchObject({ kind: 2, parentId: traces.rest.parent });
    expect(named("chat tiny", traces.rest.id).parentId).toBe(server.spanId);
  });

  it("say by the conventions' names what was asked and what it took", () => {
    expect(named("chat tiny", traces.grpc.id).attributes).toMatchObject({
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": "llama-cpp",
      "gen_ai.request.model": "tiny",
      "gen_ai.request.max_tokens": 8,
      "gen_ai.usage.output_tokens": 8,
      "gen_ai.usage.input_tokens": expect.any(Number),
      "gen_ai.response.time_to_first_chunk": expect.any(Number),
    });
  });

  it("name an embedding as the conventions do, with its tokens", () => {
    const server = named("POST /v1/embeddings", traces.embeddings.id);
    const attempt = named("embeddings tiny", traces.embeddings.id);
    expect(attempt.parentId).toBe(server.spanId);
    expect(attempt.attributes).toMatchObject({ "gen_ai.operation.name": "embeddings", "gen_ai.usage.input_tokens": expect.any(Number) });
    expect(attempt.attributes).not.toHaveProperty("gen_ai.response.time_to_first_chunk");
  });

  it("lie inside of their parents in time", () => {
    for (const span of receiver.spans) {
      const parent = receiver.spans.find(({ spanId }) => spanId === span.parentId);
      expect(span.end).toBeGreaterThanOrEqual(span.start);
      if (parent === undefined) continue;
      // Attempts are timed by the service's clock, whose grain is a millisecond; the SERVER span by the SDK's own.
      expect(span.start).toBeGreaterThanOrEqual(parent.start - 2_000_000n);
      expect(span.end).toBeLessThanOrEqual(parent.end + 2_000_000n);
    }
  });

  it("name the reason of an error, which is the caller's and so no failed span", () => {
    const server = named("POST /v1/chat/completions", traces.error.id);
    expect(server.attributes).toMatchObject({ "error.type": "model_not_found" });
    expect(server.status).not.toBe(2);
  });
});

describe("what callers say", () => {
  it("never leaves in a log, on the terminal, in a metric or in a span", async () => {
    const log = await readFile(join(parley.folder, "log"), "utf8");
    expect(log.split("\n").length).toBeGreaterThan(6);
    expect(receiver.spans.length).toBeGreaterThan(6);
    for (const [place, text] of Object.entries({ log, terminal: parley.output(), metrics, spans: receiver.bytes().toString("latin1") }))
      expect(text.includes(secret), place).toBe(false);
  });
});

describe("the log", () => {
  it("has one line a call, with latency, tokens, request id and trace", async () => {
    const log = await readFile(join(parley.folder, "log"), "utf8");
    const lines = log
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const calls = lines.filter(({ procedure }) => procedure === "parley.v1.ChatService/Stream");
    expect(calls).toMatchObject([
      {
        level: "info",
        status: "ok",
        model: "tiny",
        requestId: expect.stringMatching(/^req_/),
        durationMs: expect.any(Number),
        firstTokenMs: expect.any(Number),
        promptTokens: expect.any(Number),
        completionTokens: 8,
        traceId: traces.grpc.id,
      },
    ]);
  });
});

async function post(body: unknown, headers = {}, path = "/v1/chat/completions"): Promise<void> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const response = await fetch(parley.url + path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: text,
  });
  await response.arrayBuffer();
}
