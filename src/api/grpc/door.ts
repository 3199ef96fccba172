import type { Http2Session, IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import { isLoopbackAddress } from "../../core/loopback.ts";
import { newRequestId, type Gate } from "../admission.ts";
import type { Called, Doors, Purpose, RequestHead } from "../exchange.ts";
import { hasBadHeaders } from "../unacceptable.ts";
import type { CallOptions } from "./asked.ts";
import { GrpcCall } from "./call.ts";
import { encodingsOf } from "./compression.ts";
import type { NativeMethod, NativeMethods } from "./methods.ts";

/** What the native gRPC door needs. */
export interface GrpcDoorOptions extends Pick<Doors, "clock" | "limits" | "log"> {
  readonly gate: Gate;
  readonly methods: NativeMethods;
  /** What a procedure is for, by its name. */
  readonly purposeOf: (procedure: string) => Purpose;
}

/** Serves a stream of HTTP/2, or answers false: then it is nothing of this door. */
export type TakeStream = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, rawHeaders: readonly string[]) => boolean;

/** Messages as Protobuf; JSON over gRPC is Connect's business. */
const contentTypes: ReadonlySet<string | undefined> = new Set(["application/grpc", "application/grpc+proto"]);

interface Found extends Called {
  readonly method: NativeMethod;
}

/**
 * gRPC straight on Node's HTTP/2 streams, for methods that take one message: Connect's handler costs ten times the call.
 * What is in any way unusual (a page's origin, an expectation, a second host, too many headers, a compression other than gzip, an unknown path) is left to the other doors, which answer it in the same protocol.
 */
export function grpcDoor(options: GrpcDoorOptions): TakeStream {
  const procedures = new Map<string, Found>();
  for (const [path, method] of options.methods) {
    const name = path.slice(1);
    procedures.set(path, { name, family: "rpc", purpose: options.purposeOf(name), method });
  }
  const callOptions: CallOptions = options;
  const peers = new WeakMap<Http2Session, Peer>();
  const peerOf = (session: Http2Session) => {
    // Asked once: the session's socket stands behind a proxy.
    const known = peers.get(session) ?? peerFrom(session);
    peers.set(session, known);
    return known;
  };
  return function take(stream, headers, rawHeaders) {
    if (!contentTypes.has(headers["content-type"])) return false;
    const found = procedures.get(headers[":path"] ?? "");
    const { session } = stream;
    if (found === undefined || session === undefined || !isUsual(headers)) return false;
    const encodings = encodingsOf(headers);
    if (encodings === undefined || hasBadHeaders(rawHeaders, options.limits)) return false;
    const { socket, isLoopbackPeer } = peerOf(session);
    const head: RequestHead = {
      method: "POST",
      url: headers[":path"],
      headers,
      authority: headers[":authority"] ?? "",
      socket,
      isLoopbackPeer,
    };
    new GrpcCall(stream, { ...found, encodings, requestId: newRequestId(), head }, callOptions).begin();
    return true;
  };
}

/** What is known of every request of a connection. */
type Peer = Required<Pick<RequestHead, "socket" | "isLoopbackPeer">>;

function peerFrom({ socket: { remoteAddress }, encrypted }: Http2Session): Peer {
  return { socket: { remoteAddress, encrypted }, isLoopbackPeer: isLoopbackAddress(remoteAddress ?? "") };
}

function isUsual(headers: IncomingHttpHeaders): boolean {
  const { origin, expect, host } = headers;
  return (
    headers[":method"] === "POST" && origin === undefined && expect === undefined && (host === undefined || host === headers[":authority"])
  );
}
