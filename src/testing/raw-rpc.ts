import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2";
import { fromBinary } from "@bufbuild/protobuf";
import { StatusSchema, type Status } from "../../gen/google/rpc/status_pb.ts";

/** What came back on a stream of HTTP/2 that carried gRPC. */
export interface RawAnswer {
  readonly headers: IncomingHttpHeaders;
  readonly trailers: IncomingHttpHeaders;
  /** Whether the headers were the end: no DATA frame came. */
  readonly isTrailersOnly: boolean;
  /** What each read gave, in order. */
  readonly pieces: readonly Buffer[];
  /** `grpc-status`, wherever it stood; undefined when there was none. */
  readonly status: number | undefined;
  /** `grpc-message`, unescaped. */
  readonly message: string;
  /** The rich status, if there was one. */
  readonly rich: Status | undefined;
  /** The code with which the stream was closed. */
  readonly reset: number;
}

/** Asks by gRPC with nothing but HTTP/2. */
export function rawRpc(session: ClientHttp2Session, path: string, headers: OutgoingHttpHeaders = {}): ClientHttp2Stream {
  const stream = session.request({ ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers", ...headers });
  // Told by the answer's code.
  stream.on("error", () => {});
  return stream;
}

/** Reads a stream to its end. */
export function rawAnswer(stream: ClientHttp2Stream): Promise<RawAnswer> {
  let headers: IncomingHttpHeaders = {};
  let trailers: IncomingHttpHeaders = {};
  const pieces: Buffer[] = [];
  stream.on("response", (received) => (headers = received));
  stream.on("trailers", (received: IncomingHttpHeaders) => (trailers = received));
  stream.on("data", (piece: Buffer) => void pieces.push(piece));
  return new Promise((resolve) => {
    stream.on("close", () => {
      const all = { ...headers, ...trailers };
      const status = all["grpc-status"];
      const bytes = all["grpc-status-details-bin"];
      resolve({
        headers,
        trailers,
        isTrailersOnly: headers["grpc-status"] !== undefined,
        pieces,
        status: status === undefined ? undefined : Number(status),
        message: decodeURIComponent(String(all["grpc-message"] ?? "")),
        rich: typeof bytes === "string" ? fromBinary(StatusSchema, Buffer.from(bytes, "base64")) : undefined,
        reset: stream.rstCode ?? 0,
      });
    });
  });
}

/** A message with gRPC's five bytes before it. */
export function framed(message: Uint8Array, flags = 0): Buffer {
  const head = Buffer.alloc(5);
  head[0] = flags;
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** The messages of an answer. */
export function messagesOf({ pieces }: RawAnswer): { readonly flags: number; readonly bytes: Buffer }[] {
  const whole = Buffer.concat(pieces);
  const messages = [];
  for (let at = 0; at < whole.length;) {
    const length = whole.readUInt32BE(at + 1);
    messages.push({ flags: whole[at] ?? 0, bytes: whole.subarray(at + 5, at + 5 + length) });
    at += 5 + length;
  }
  return messages;
}
