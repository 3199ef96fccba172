import { connect } from "node:http2";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import OpenAI from "openai";
import { afterEach, describe, expect, it } from "vitest";
import { ChatService, type ChatEvent } from "../../gen/parley/v1/chat_pb.ts";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { Role } from "../../gen/parley/v1/messages_pb.ts";
import { accepted, started, text } from "../core/events.ts";
import { reasonOf } from "../core/reasons.ts";
import { untilAborted } from "../core/signals.ts";
import { rawClient } from "../testing/raw-client.ts";
import { openDoors, saying, type Script, type TestDoors } from "../testing/test-doors.ts";

const chat = { messages: [{ role: Role.USER, parts: [{ part: { case: "text" as const, value: { text: "hello" } } }] }] };
const body = JSON.stringify({ messages: [{ role: "user", content: "hello" }] });
const streamed = JSON.stringify({ stream: true, messages: [{ role: "user", content: "hello" }] });

let doors: TestDoors;
afterEach(() => doors.close());

/** A call that begins, and then waits until it is told to stop; tells why. */
function hanging(): { script: Script; entered: Promise<void>; reason: Promise<string> } {
  const entered = Promise.withResolvers<void>();
  const reason = Promise.withResolvers<string>();
  const script: Script = async function* hang(_request, { signal }): AsyncGenerator<ChatEvent> {
    try {
      yield accepted({ id: "chatcmpl-1", model: "tiny", createdMs: 0 });
      yield started("test", "tiny");
      yield text(0, "first");
      entered.resolve();
      await untilAborted(new Promise(() => {}), signal);
    } catch (error) {
      reason.resolve(reasonOf(error));
      throw error;
    }
  };
  return { script, entered: entered.promise, reason: reason.promise };
}

const transports: Readonly<Record<string, () => Transport>> = {
  "Connect over HTTP/1.1": () => createConnectTransport({ baseUrl: doors.url, httpVersion: "1.1" }),
  "Connect over HTTP/2": () => createConnectTransport({ baseUrl: doors.url, httpVersion: "2" }),
  gRPC: () => createGrpcTransport({ baseUrl: doors.url }),
  "gRPC-Web": () => createGrpcWebTransport({ baseUrl: doors.url, httpVersion: "1.1" }),
};

async function drainEvents(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const event of stream) void event;
}

describe("a client that goes away ends the work", () => {
  it.each(Object.keys(transports))("over %s, streamed and whole", async (name) => {
    for (const isStream of [true, false]) {
      const { script, entered, reason } = hanging();
      doors = await openDoors(script);
      const client = createClient(ChatService, transports[name]!());
      const controller = new AbortController();
      const { signal } = controller;
      const result = (isStream ? drainEvents(client.stream(chat, { signal })) : client.chat(chat, { signal })).catch(
        (error: unknown) => error,
      );
      await entered;
      controller.abort();
      expect(await reason).toBe("caller_gone");
      expect(await result).toMatchObject({ code: Code.Canceled });
      await doors.close();
    }
  });

  it.each([true, false])("over REST on HTTP/1.1 (stream: %s)", async (stream) => {
    const { script, entered, reason } = hanging();
    doors = await openDoors(script);
    const controller = new AbortController();
    const openai = new OpenAI({ baseURL: `${doors.url}/v1`, apiKey: "none", maxRetries: 0 });
    const messages = [{ role: "user" as const, content: "hello" }];
    const result = openai.chat.completions
      .create({ model: "tiny", messages, stream }, { signal: controller.signal })
      .catch((error: unknown) => error);
    await entered;
    controller.abort();
    expect(await reason).toBe("caller_gone");
    await result;
  });

  it.each([body, streamed])("over REST on HTTP/2", async (sent) => {
    const { script, entered, reason } = hanging();
    doors = await openDoors(script);
    const session = connect(doors.url);
    const stream = session.request({ ":method": "POST", ":path": "/v1/chat/completions" });
    stream.on("error", () => {});
    stream.end(sent);
    await entered;
    stream.close(8);
    expect(await reason).toBe("caller_gone");
    session.destroy();
  });

  it("and its log line says so", async () => {
    const { script, entered, reason } = hanging();
    doors = await openDoors(script);
    const client = await rawClient(doors.url);
    client.send(`POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    await entered;
    client.socket.destroy();
    await reason;
    await expect.poll(() => doors.log.map(({ facts }) => facts["status"])).toEqual(["caller_gone"]);
  });
});

describe("a deadline ends the work", () => {
  it.each(Object.keys(transports))("over %s", async (name) => {
    const { script, reason } = hanging();
    doors = await openDoors(script);
    const client = createClient(ChatService, transports[name]!());
    await expect(drainEvents(client.stream(chat, { timeoutMs: 100 }))).rejects.toMatchObject({ code: Code.DeadlineExceeded });
    expect(await reason).toBe("deadline_exceeded");
    expect(doors.calls[0]?.deadlineMs).toBeDefined();
  });

  it("of the service's own for calls that have none, and for those that want longer", async () => {
    for (const headers of [undefined, { "grpc-timeout": "99999999H" }] as const) {
      const { script, reason } = hanging();
      doors = await openDoors(script, { limits: { callMs: 60 } });
      const client = createClient(ChatService, transports["gRPC"]!());
      const error = ConnectError.from(await client.chat(chat, headers === undefined ? {} : { headers }).catch((thrown: unknown) => thrown));
      expect(error.code).toBe(Code.DeadlineExceeded);
      expect(error.findDetails(ErrorInfoSchema)[0]).toMatchObject({ reason: "TIME_LIMIT", metadata: { limit: "callMs" } });
      expect(await reason).toBe("time_limit");
      await doors.close();
    }
  });

  it("of answers that come whole, over RPC and REST, and not of streams", async () => {
    const { script, reason } = hanging();
    doors = await openDoors(script, { limits: { unaryCallMs: 60, callMs: 200 } });
    const client = createClient(ChatService, transports["gRPC"]!());
    const error = ConnectError.from(await client.chat(chat).catch((thrown: unknown) => thrown));
    expect(error.findDetails(ErrorInfoSchema)[0]).toMatchObject({ reason: "TIME_LIMIT", metadata: { limit: "unaryCallMs" } });
    expect(await reason).toBe("time_limit");
    const whole = await fetch(`${doors.url}/v1/chat/completions`, { method: "POST", body });
    expect([whole.status, await whole.json()]).toEqual([504, { error: expect.objectContaining({ code: "time_limit" }) }]);
    const stream = await (await fetch(`${doors.url}/v1/chat/completions`, { method: "POST", body: streamed })).text();
    expect(stream).toContain("limits.callMs");
  });

  it("that cannot be read is refused", async () => {
    doors = await openDoors(saying("x"));
    const response = await fetch(`${doors.url}/parley.v1.ChatService/Chat`, {
      method: "POST",
      headers: { "content-type": "application/json", "connect-timeout-ms": "soon" },
      body: "{}",
    });
    expect(await response.json()).toMatchObject({ code: "invalid_argument", message: expect.stringContaining("connect-timeout-ms") });
  });
});

describe("a body that does not come", () => {
  it("is answered with 408 in the envelope over REST", async () => {
    doors = await openDoors(saying("x"), { limits: { bodyMs: 40 } });
    const client = await rawClient(doors.url);
    client.send("POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{");
    const answer = await client.closed();
    expect(answer).toMatch(/^HTTP\/1.1 408/);
    expect(answer).toContain('"code":"request_timeout"');
  });

  it("is answered with DEADLINE_EXCEEDED over RPC", async () => {
    doors = await openDoors(saying("x"), { limits: { bodyMs: 40 } });
    const session = connect(doors.url);
    const stream = session.request({ ":method": "POST", ":path": "/parley.v1.ChatService/Chat", "content-type": "application/grpc" });
    stream.on("error", () => {});
    stream.write(Uint8Array.of(0, 0));
    const status = await new Promise((resolve) => {
      stream.on("trailers", (trailers) => resolve(trailers["grpc-status"]));
      stream.on("response", (headers) => headers["grpc-status"] !== undefined && resolve(headers["grpc-status"]));
      stream.resume();
    });
    expect(status).toBe("4");
    session.destroy();
  });
});

describe("a client that reads nothing", () => {
  const flood: Script = async function* (_request, { signal }) {
    yield accepted({ id: "chatcmpl-1", model: "tiny", createdMs: 0 });
    yield started("test", "tiny");
    while (!signal.aborted) yield text(0, "x".repeat(100_000));
  };

  it("is cut off, and holds no more than the buffers", async () => {
    doors = await openDoors(flood, { limits: { stalledReaderMs: 50 } });
    const client = await rawClient(doors.url);
    client.socket.pause();
    client.send(`POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: ${streamed.length}\r\n\r\n${streamed}`);
    await expect.poll(() => doors.log.at(-1)?.facts["status"]).toBe("caller_gone");
    client.socket.destroy();
  });

  it("is cut off over gRPC too", async () => {
    doors = await openDoors(flood, { limits: { stalledReaderMs: 50 } });
    const session = connect(doors.url);
    const stream = session.request({ ":method": "POST", ":path": "/parley.v1.ChatService/Stream", "content-type": "application/grpc" });
    stream.on("error", () => {});
    stream.end(Uint8Array.of(0, 0, 0, 0, 0));
    await expect.poll(() => doors.log.at(-1)?.facts["status"]).toBe("caller_gone");
    session.destroy();
  });
});
