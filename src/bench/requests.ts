import { toBinary } from "@bufbuild/protobuf";
import { ChatRequestSchema } from "../../gen/parley/v1/chat_pb.ts";
import { userRequest } from "../testing/sample-request.ts";
import { h1Load } from "./h1-load.ts";
import { h2Load, type Concurrency } from "./h2-load.ts";
import type { Load } from "./load.ts";

/** Words of an unary request: with its envelope 80 bytes. */
export const unaryWords = "the quick brown fox jumps over the lazy dog and runs away from it all";
/** Words of a streamed one: as many messages. */
export const streamedWordCount = 64;
const streamedWords = Array.from({ length: streamedWordCount }, (_, index) => `w${index}`).join(" ");

/** What a load speaks. */
export type Protocol = "grpc" | "grpc-web" | "connect" | "rest";
type Shape = "unary" | "stream";

/** Starts a load of echo requests on a port; over HTTP/1.1 each stream has a connection of its own. */
export function loadOf(protocol: Protocol, shape: Shape, at: Concurrency): (port: number) => Promise<Load> {
  const words = shape === "unary" ? unaryWords : streamedWords;
  if (protocol === "rest") {
    const body = JSON.stringify({ messages: [{ role: "user", content: words }], ...(shape === "stream" && { stream: true }) });
    return (port) => h1Load(port, { path: "/v1/chat/completions", body }, at.connections * at.streams);
  }
  const message = toBinary(ChatRequestSchema, userRequest(words));
  const path = `/parley.v1.ChatService/${shape === "unary" ? "Chat" : "Stream"}`;
  const isEnveloped = protocol !== "connect" || shape === "stream";
  const body = isEnveloped ? enveloped(message) : message;
  const contentType = {
    grpc: "application/grpc",
    "grpc-web": "application/grpc-web+proto",
    connect: shape === "unary" ? "application/proto" : "application/connect+proto",
  }[protocol];
  const headers: Record<string, string> = { "content-type": contentType, ...(protocol === "grpc" && { te: "trailers" }) };
  return (port) => h2Load(port, { path, headers, body }, at);
}

function enveloped(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}
