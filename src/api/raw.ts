import type { Duplex } from "node:stream";
import { STATUS_CODES } from "node:http";
import { errorToOpenAI } from "../dialects/openai/errors.ts";
import { fault, type Reason } from "../core/reasons.ts";
import { newRequestId } from "./admission.ts";
import { closeSoon } from "./linger.ts";

/** Answers a connection on which no request could be read, and closes it. `isAnswered`: this request's answer has begun or been sent, and cannot be followed by another. */
export function answerUnreadable(error: NodeJS.ErrnoException, socket: Duplex, isAnswered: boolean): void {
  if (isAnswered || error.code === "ECONNRESET" || !socket.writable) return void socket.destroy();
  switch (error.code) {
    case "HPE_HEADER_OVERFLOW":
      return answerRaw(socket, 431, "invalid_request", "the headers are larger than limits.maxHeaderBytes");
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return answerRaw(
        socket,
        408,
        "request_timeout",
        "the request took longer to arrive than limits.headersMs says, or its body than limits.bodyMs",
      );
    default:
      if (isUnknownMethod(error)) return answerRaw(socket, 405, "method_not_allowed", "this method is not known here");
      return answerRaw(socket, 400, "malformed_body", "the request is not HTTP");
  }
}

/** Whether a request line is one of HTTP but for its method, which Node's parser takes from a list. */
function isUnknownMethod(error: NodeJS.ErrnoException & { readonly rawPacket?: Buffer }): boolean {
  return error.code === "HPE_INVALID_METHOD" && /^[A-Za-z-]+ \S+ HTTP\/1\.[01]\r\n/.test(error.rawPacket?.toString("latin1") ?? "");
}

/** Writes a whole answer to a bare connection, and closes it. */
// oxlint-disable-next-line max-params -- one line of a protocol: where, status, reason, words
export function answerRaw(socket: Duplex, status: number, reason: Reason, message: string): void {
  const body = JSON.stringify(errorToOpenAI(fault(reason, message)));
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`,
    "connection: close",
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${newRequestId()}`,
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
  closeSoon(socket);
}
