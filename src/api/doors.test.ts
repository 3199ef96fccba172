import { credentials, Client as GrpcClient, Metadata } from "@grpc/grpc-js";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { fromBinary, toBinary, create } from "@bufbuild/protobuf";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ChatRequestSchema, ChatResponseSchema, ChatService } from "../../gen/parley/v1/chat_pb.ts";
import { Role } from "../../gen/parley/v1/messages_pb.ts";
import { openDoors, saying, type TestDoors } from "../testing/test-doors.ts";

const chat = { messages: [{ role: Role.USER, parts: [{ part: { case: "text" as const, value: { text: "hello" } } }] }] };

let doors: TestDoors;
beforeAll(async () => {
  doors = await openDoors(saying("Grüße, ", "🌍", "!"));
});
afterAll(() => doors.close());

const transports = {
  "Connect over HTTP/1.1": () => createConnectTransport({ baseUrl: doors.url, httpVersion: "1.1" }),
  "Connect over HTTP/2": () => createConnectTransport({ baseUrl: doors.url, httpVersion: "2" }),
  "Connect with JSON": () => createConnectTransport({ baseUrl: doors.url, httpVersion: "1.1", useBinaryFormat: false }),
  gRPC: () => createGrpcTransport({ baseUrl: doors.url }),
  "gRPC-Web over HTTP/1.1": () => createGrpcWebTransport({ baseUrl: doors.url, httpVersion: "1.1" }),
  "gRPC-Web over HTTP/2": () => createGrpcWebTransport({ baseUrl: doors.url, httpVersion: "2" }),
};

describe("the one port", () => {
  it.each(Object.entries(transports))("answers Chat and Stream over %s", async (_name, transport) => {
    const client = createClient(ChatService, transport());
    const whole = await client.chat(chat);
    expect(whole.choices[0]?.message?.parts[0]?.part).toMatchObject({ case: "text", value: { text: "Grüße, 🌍!" } });
    const kinds: (string | undefined)[] = [];
    for await (const { event } of client.stream(chat)) kinds.push(event.case);
    expect(kinds).toEqual(["accepted", "started", "text", "text", "text", "finished", "completed"]);
  });

  it("answers grpc-js", async () => {
    const client = new GrpcClient(doors.url.replace("http://", ""), credentials.createInsecure());
    const answer = await new Promise<Uint8Array>((resolve, reject) =>
      client.makeUnaryRequest(
        "/parley.v1.ChatService/Chat",
        (bytes: Uint8Array) => Buffer.from(bytes),
        (bytes: Buffer) => new Uint8Array(bytes),
        toBinary(ChatRequestSchema, create(ChatRequestSchema, chat)),
        new Metadata(),
        (error, value) => (error === null && value !== undefined ? resolve(value) : reject(error as Error)),
      ),
    );
    client.close();
    expect(fromBinary(ChatResponseSchema, answer).usage?.completionTokens).toBe(3);
  });

  it("answers the OpenAI SDK: whole, streamed, and gathered by its helper", async () => {
    const openai = new OpenAI({ baseURL: `${doors.url}/v1`, apiKey: "none", maxRetries: 0 });
    const body = { model: "tiny", messages: [{ role: "user" as const, content: "hello" }] };
    const { data: whole, request_id: requestId } = await openai.chat.completions.create(body).withResponse();
    expect(whole.choices[0]?.message.content).toBe("Grüße, 🌍!");
    expect(requestId).toMatch(/^req_/);
    let streamed = "";
    for await (const chunk of await openai.chat.completions.create({ ...body, stream: true }))
      streamed += chunk.choices[0]?.delta.content ?? "";
    expect(streamed).toBe("Grüße, 🌍!");
    const gathered = await openai.chat.completions.stream({ ...body, stream_options: { include_usage: true } }).finalChatCompletion();
    expect(gathered.choices[0]?.message.content).toBe("Grüße, 🌍!");
    expect(gathered.usage?.total_tokens).toBe(6);
  });
});
