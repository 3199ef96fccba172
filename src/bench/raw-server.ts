import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { createServer, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import {
  ChatEventSchema,
  ChatRequestSchema,
  ChatResponseSchema,
  FinishReason,
  type ChatEvent,
  type ChatRequest,
} from "../../gen/parley/v1/chat_pb.ts";
import { Role } from "../../gen/parley/v1/messages_pb.ts";
import { UsageSource, type Usage } from "../../gen/parley/v1/usage_pb.ts";
import { accepted, chatEvent, completed, finished, started, text } from "../core/events.ts";

// What a service in Node could do at best: node:http2, protobuf-es, gRPC's five bytes, the answers of echo, and nothing else.
// Started by the benchmarks; tells its port on standard output.

const ok = { ":status": 200, "content-type": "application/grpc" };

const server = createServer({ settings: { maxConcurrentStreams: 10_000 } });
server.on("stream", (stream, headers) => {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  stream.on("end", () => answer(stream, headers, chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)));
  stream.on("error", () => {});
});
server.listen(0, "127.0.0.1", () => console.log((server.address() as AddressInfo).port));

function answer(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, body: Buffer): void {
  const request = fromBinary(ChatRequestSchema, body.subarray(5));
  stream.respond(ok, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  if (headers[":path"] === "/parley.v1.ChatService/Chat") {
    stream.end(framed(toBinary(ChatResponseSchema, response(request))));
    return;
  }
  for (const event of events(request)) stream.write(framed(toBinary(ChatEventSchema, event)));
  stream.end();
}

function framed(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(5 + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, 5);
  return frame;
}

let answers = 0;
const nextId = () => `chatcmpl-${(answers++).toString(36).padStart(24, "0")}`;

function response(request: ChatRequest) {
  const words = lastText(request);
  return create(ChatResponseSchema, {
    id: nextId(),
    model: "echo",
    created: { seconds: BigInt(Math.floor(Date.now() / 1000)) },
    choices: [
      { message: { role: Role.ASSISTANT, parts: [{ part: { case: "text", value: { text: words } } }] }, reason: FinishReason.STOP },
    ],
    usage: usage(words.split(" ").length),
  });
}

function* events(request: ChatRequest): Generator<ChatEvent> {
  const words = lastText(request).match(/\s*\S+/gu) ?? [];
  const inOrder = [
    accepted({ id: nextId(), model: "echo", createdMs: Date.now() }),
    started("echo", "echo"),
    ...words.map((word) => text(0, word)),
    finished(0, FinishReason.STOP),
    completed({ usage: usage(words.length) }),
  ];
  for (const [sequence, { event }] of inOrder.entries()) yield chatEvent(event, sequence);
}

function lastText({ messages }: ChatRequest): string {
  const part = messages.at(-1)?.parts[0]?.part;
  return part?.case === "text" ? part.value.text : "";
}

function usage(words: number): Usage {
  return { $typeName: "parley.v1.Usage", promptTokens: words + 1, completionTokens: words, source: UsageSource.PROVIDER };
}
