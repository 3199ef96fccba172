import type { Duplex } from "node:stream";
import { STATUS_CODES } from "node:http";
import type { ConnectError } from "@connectrpc/connect";
import { errorToOpenAI } from "../dialects/openai/errors.ts";
import { fault } from "../core/reasons.ts";
import { newRequestId } from "./admission.ts";
import { closeSoon } from "./linger.ts";

/** The methods of a path as `Allow` lists them; undefined: there is no such path. */
export type AllowedAt = (path: string) => string | undefined;

/** What a client is told that nothing could be made of. */
interface Refusal {
  readonly status: number;
  readonly error: ConnectError;
  readonly allow?: string;
}

/** Answers a connection on which no request could be read, and closes it. */
export function answerUnreadable(error: Unreadable, socket: Duplex, allowedAt: AllowedAt): void {
  if (error.code === "ECONNRESET" || !socket.writable) socket.destroy();
  else answerRaw(socket, refusalOf(error, allowedAt));
}

/** Refuses to be a proxy. */
export function refuseConnect(socket: Duplex): void {
  const error = fault("method_not_allowed", "CONNECT is not allowed here");
  answerRaw(socket, { status: 405, error, allow: "GET, HEAD, POST, DELETE, OPTIONS" });
}

/** What Node's parser tells of what it could not read. */
type Unreadable = NodeJS.ErrnoException & { readonly rawPacket?: Buffer; readonly bytesParsed?: number };

function refusalOf(error: Unreadable, allowedAt: AllowedAt): Refusal {
  switch (error.code) {
    case "HPE_HEADER_OVERFLOW":
      return { status: 431, error: fault("invalid_request", "the headers are larger than limits.maxHeaderBytes") };
    case "ERR_HTTP_REQUEST_TIMEOUT": {
      const message = "the request took longer to arrive than limits.headersMs says, or its body than limits.bodyMs";
      return { status: 408, error: fault("request_timeout", message) };
    }
    default: {
      const path = pathOfUnknownMethod(error);
      if (path === undefined) return { status: 400, error: fault("malformed_body", "the request is not HTTP") };
      const allow = allowedAt(path);
      if (allow === undefined)
        return { status: 404, error: fault("route_not_found", "there is no such path, and this method is not known here") };
      const message = `this method is not known here; allowed are ${allow}`;
      return { status: 405, allow, error: fault("method_not_allowed", message, { metadata: { allow } }) };
    }
  }
}

/** Longest request line that is looked at, bytes. */
const mostLineBytes = 4096;

/** The path of a request line that is one of HTTP but for its method, which Node's parser takes from a list. What comes behind another request in one packet is not looked at. */
function pathOfUnknownMethod({ code, rawPacket, bytesParsed = 0 }: Unreadable): string | undefined {
  if (code !== "HPE_INVALID_METHOD") return undefined;
  const [line = ""] = (rawPacket?.toString("latin1", 0, mostLineBytes) ?? "").split("\r\n", 1);
  const [method = "", target = "", version = "", ...more] = line.split(" ");
  const isLine = /^[A-Za-z-]+$/.test(method) && /^HTTP\/1\.[01]$/.test(version) && more.length === 0;
  return isLine && bytesParsed <= method.length ? target.split("?", 1)[0] : undefined;
}

/** Writes a whole answer to a bare connection, and closes it. */
function answerRaw(socket: Duplex, { status, error, allow }: Refusal): void {
  const body = JSON.stringify(errorToOpenAI(error));
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`,
    "connection: close",
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${newRequestId()}`,
    ...(allow === undefined ? [] : [`allow: ${allow}`]),
  ];
  // Nobody else hears of a client that resets the connection meanwhile, and an error unheard would end the process.
  socket.on("error", () => {});
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
  closeSoon(socket);
}
