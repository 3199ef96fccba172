import { trace, type Attributes, type Span, type SpanOptions, type Tracer } from "@opentelemetry/api";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import { ChatService } from "../../gen/parley/v1/chat_pb.ts";
import { fault } from "../core/reasons.ts";
import { rawClient } from "../testing/raw-client.ts";
import { openDoors, saying, type TestDoors } from "../testing/test-doors.ts";

interface Recorded {
  readonly name: string;
  readonly attributes: Attributes;
  ends: number;
}

const spans: Recorded[] = [];

/** A tracer that keeps what it is told; the API's own seam. */
const tracer = {
  startSpan(name: string, options: SpanOptions) {
    const recorded: Recorded = { name, attributes: { ...options.attributes }, ends: 0 };
    spans.push(recorded);
    const span = {
      setAttribute: (key: string, value: string) => ((recorded.attributes[key] = value), span),
      setStatus: () => span,
      isRecording: () => true,
      spanContext: () => ({ traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331", traceFlags: 1 }),
      end: () => void (recorded.ends += 1),
    };
    return span as unknown as Span;
  },
} as unknown as Tracer;

let doors: TestDoors;
let next: Error | undefined;
beforeAll(async () => {
  trace.setGlobalTracerProvider({ getTracer: () => tracer });
  doors = await openDoors((request, context) => {
    if (next !== undefined) throw next;
    return saying("x")(request, context);
  });
});
beforeEach(() => {
  next = undefined;
  spans.length = 0;
});
afterAll(async () => {
  trace.disable();
  await doors.close();
});

const ended = () => expect.poll(() => spans.every(({ ends }) => ends === 1)).toBe(true);

describe("the SERVER span", () => {
  it("of an RPC has its system, method and status, by the words of its system", async () => {
    const grpc = createClient(ChatService, createGrpcTransport({ baseUrl: doors.url }));
    const connect = createClient(ChatService, createConnectTransport({ baseUrl: doors.url, httpVersion: "1.1" }));
    await grpc.chat({});
    await connect.chat({});
    next = fault("model_not_found", "no");
    await grpc.chat({}).catch(() => {});
    await connect.chat({}).catch(() => {});
    await ended();
    const method = "parley.v1.ChatService/Chat";
    expect(
      spans.map(({ name, attributes }) => [name, attributes["rpc.system.name"], attributes["rpc.method"], attributes["rpc.status_code"]]),
    ).toEqual([
      [method, "grpc", method, "OK"],
      [method, "connectrpc", method, "ok"],
      [method, "grpc", method, "NOT_FOUND"],
      [method, "connectrpc", method, "not_found"],
    ]);
    expect(spans[3]?.attributes["error.type"]).toBe("model_not_found");
  });

  it("of an unknown path is named _OTHER, and has the path as an attribute alone", async () => {
    await fetch(`${doors.url}/x.y.Z/Secret`, { method: "POST", headers: { "content-type": "application/grpc" } });
    await fetch(`${doors.url}/secret`);
    await ended();
    expect(spans.map(({ name, attributes }) => [name, attributes["rpc.method_original"] ?? attributes["url.path"]])).toEqual([
      ["_OTHER", "x.y.Z/Secret"],
      ["_OTHER", "/secret"],
    ]);
  });

  it("is not opened for probes", async () => {
    for (const path of ["/livez", "/readyz", "/health"]) await (await fetch(doors.url + path)).arrayBuffer();
    await createClient(Health, createGrpcTransport({ baseUrl: doors.url })).check({});
    await expect.poll(() => doors.log.filter(({ level }) => level === "debug").length).toBe(4);
    expect(spans).toEqual([]);
  });

  it("of a REST call has route, method, status and what the client calls it", async () => {
    next = fault("rate_limited", "slow down");
    await fetch(`${doors.url}/v1/chat/completions?a=1`, {
      method: "POST",
      headers: { "x-request-id": "mine", "x-stainless-retry-count": "2" },
      body: '{"messages":[{"role":"user","content":"x"}]}',
    });
    await ended();
    expect(spans[0]).toMatchObject({
      name: "POST /v1/chat/completions",
      attributes: {
        "http.request.method": "POST",
        "http.route": "/v1/chat/completions",
        "http.response.status_code": 429,
        "url.path": "/v1/chat/completions",
        "parley.client.request_id": "mine",
        "parley.client.retry_count": "2",
        "error.type": "rate_limited",
      },
    });
    expect(doors.log.at(-1)?.facts["traceId"]).toBe("0af7651916cd43dd8448eb211c80319c");
  });

  it.each([
    ["POST /v1/messages", "expect: foo", 417],
    ["POST /v1/messages", "x: y\r\n".repeat(100) + "x: y", 431],
    ["GET /api/tags", "expect: foo", 417],
  ])(
    "of %s that is refused for its headers has the status that was sent, as the answer has its family's headers",
    async (line, header, status) => {
      const client = await rawClient(doors.url);
      client.send(`${line} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n${header}\r\n\r\n`);
      const answer = await client.closed();
      await ended();
      expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
      expect(/^request-id: req_/m.test(answer)).toBe(line.includes("messages"));
      expect(spans.map(({ attributes }) => [attributes["http.response.status_code"], attributes["error.type"]])).toEqual([
        [status, "invalid_request"],
      ]);
    },
  );
});
