import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { createServer, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { ChatEventSchema, ChatRequestSchema, ChatResponseSchema } from "../../gen/parley/v1/chat_pb.ts";
import { bareEvents, bareResponse } from "./bare-answers.ts";

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
    stream.end(framed(toBinary(ChatResponseSchema, bareResponse(request))));
    return;
  }
  for (const event of bareEvents(request)) stream.write(framed(toBinary(ChatEventSchema, event)));
  stream.end();
}

function framed(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(5 + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, 5);
  return frame;
}
