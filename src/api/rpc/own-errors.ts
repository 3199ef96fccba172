import { Code, ConnectError } from "@connectrpc/connect";
import { errorFromJsonBytes, errorToJsonBytes } from "@connectrpc/connect/protocol-connect";
import { findTrailerError, setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import type { Doors, Exchange } from "../exchange.ts";
import { outgoing } from "./edge.ts";
import { messageFault } from "./message-fault.ts";

/** Gives Connect's own errors what ours have. */
export interface OwnErrors {
  /** A piece of the body as it is to be sent. */
  chunk(bytes: Uint8Array): Uint8Array;
  trailer(trailer: Headers): Headers;
}

/** Flag of the envelope that holds gRPC-Web's trailers. */
const trailerFlag = 0x80;
const envelopeHeadBytes = 5;

/**
 * Connect parses the message of a unary call before any interceptor runs: what it finds wrong there (a message that is too large, or none) would leave without a
 * reason and a request id, and nobody would have noted it. Where such an error stands depends on the protocol: in the body, in a last envelope, or in the trailers.
 */
export function ownErrors(exchange: Exchange, status: number, { log, limits }: Pick<Doors, "log" | "limits">): OwnErrors {
  const { call, outcome } = exchange;
  const isNoted = () => outcome.error !== undefined;
  const named = (error: ConnectError) => outgoing(exchange, messageFault(error, limits), log);
  return {
    chunk(bytes) {
      if (isNoted()) return bytes;
      if (call.protocol === "connect" && status >= 400) {
        const unknown = new ConnectError("unknown error", Code.Unknown);
        return errorToJsonBytes(named(errorFromJsonBytes(bytes, undefined, unknown)), undefined);
      }
      if (call.protocol !== "grpc-web" || ((bytes[0] ?? 0) & trailerFlag) === 0) return bytes;
      const trailer = headersOf(new TextDecoder().decode(bytes.subarray(envelopeHeadBytes)));
      const error = findTrailerError(trailer);
      return error === undefined ? bytes : envelope(withStatus(trailer, named(error)));
    },
    trailer(trailer) {
      const error = isNoted() ? undefined : findTrailerError(trailer);
      return error === undefined ? trailer : withStatus(trailer, named(error));
    },
  };
}

function withStatus(trailer: Headers, error: ConnectError): Headers {
  setTrailerStatus(trailer, error);
  return trailer;
}

function headersOf(text: string): Headers {
  const lines = text.split("\r\n").filter((line) => line.includes(":"));
  return new Headers(lines.map((line): [string, string] => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1)]));
}

function envelope(trailer: Headers): Uint8Array {
  const text = new TextEncoder().encode([...trailer].map(([name, value]) => `${name}: ${value}\r\n`).join(""));
  const bytes = new Uint8Array(envelopeHeadBytes + text.length);
  bytes[0] = trailerFlag;
  new DataView(bytes.buffer).setUint32(1, text.length);
  bytes.set(text, envelopeHeadBytes);
  return bytes;
}
