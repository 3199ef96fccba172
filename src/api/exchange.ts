import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from "node:http";
import type { Http2ServerRequest } from "node:http2";
import type { EventEmitter } from "node:events";
import type { ConnectError } from "@connectrpc/connect";
import type { Call } from "../core/context.ts";
import { reasonOf, reasons } from "../core/reasons.ts";
import type { Clock, Log, Service } from "../core/ports.ts";
import type { Limits } from "../core/limits.ts";
import type { OpenAIDialectOptions } from "../core/openai-dialect.ts";
import type { Drain } from "./drain.ts";

/** A request of either HTTP version. */
export type HttpRequest = IncomingMessage | Http2ServerRequest;

/** What a request says before its body, whatever carries it. */
export interface RequestHead {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly headers: IncomingHttpHeaders;
  /** The host that is asked for, over HTTP/2. */
  readonly authority?: string;
  readonly socket: {
    readonly remoteAddress?: string | undefined;
    /** Whether it is one of TLS. */
    readonly encrypted?: boolean | undefined;
  };
  /** Whether that address is this machine's own, where it is known already. */
  readonly isLoopbackPeer?: boolean;
}

/** What both HTTP versions' responses have in common. */
export interface HttpResponse extends EventEmitter {
  readonly headersSent: boolean;
  readonly writableEnded: boolean;
  setHeader(name: string, value: string | number | readonly string[]): unknown;
  getHeader(name: string): unknown;
  writeHead(status: number, headers?: OutgoingHttpHeaders): unknown;
  flushHeaders(): void;
  /** Invites a body that waits for it. */
  writeContinue(): void;
  addTrailers(headers: OutgoingHttpHeaders): void;
  write(chunk: string | Uint8Array): boolean;
  end(chunk?: string | Uint8Array): unknown;
  destroy(error?: Error): unknown;
}

/** A request that was judged by its head: admitted, or to be refused. */
export interface Admitted {
  readonly call: Call;
  /** Ends the call: aborts its signal, unless that is aborted already. */
  abort(reason: ConnectError): void;
  /** Why it is refused; the door answers with it in its own words and reads no body. */
  readonly refusal: ConnectError | undefined;
  /** What it ended with, for the log and the span: the door notes an error here when it answers with one. */
  readonly outcome: Outcome;
  /** Whether its error, if it is an RPC, carries our details. */
  readonly errorDetails: boolean;
}

/** One request with its response. */
export interface Exchange extends Admitted {
  readonly request: HttpRequest;
  readonly response: HttpResponse;
}

/** How an exchange ended. */
export interface Outcome {
  error: ConnectError | undefined;
  /** HTTP status that a family's clients were told of that error, where it has statuses of its own. */
  status?: number;
}

/** Serves one exchange to its end; rejects only for faults of our own. */
export type Serve = (exchange: Exchange) => Promise<void>;

/**
 * What a procedure is for. A `call` does work: what becomes of it is measured. `management` changes what the service serves, and answers peers on this machine only.
 * A `probe` is asked every few seconds by machines: it has no span, is logged at debug, and is answered while the service drains.
 */
export type Purpose = "call" | "management" | "probe" | "other";

/** What is called: an RPC, or a method on a REST path. */
export interface Called {
  /** One of a closed set, safe as a label: `parley.v1.ChatService/Chat`, `POST /v1/chat/completions`, `_OTHER`. */
  readonly name: string;
  readonly family: "rpc" | "rest";
  readonly purpose: Purpose;
}

/** Something that can be called, with what serves it. */
export interface Procedure extends Called {
  readonly serve: Serve;
}

/** What every door needs. */
export interface Doors {
  readonly service: Service;
  readonly limits: Limits;
  readonly log: Log;
  readonly clock: Clock;
  readonly drain: Drain;
  /** How OpenAI's clients are answered where servers differ. Default: as most do. */
  readonly openai?: OpenAIDialectOptions | undefined;
}

/** The scheme of a request's URL: that of the port. */
export function schemeOf({ socket }: Pick<RequestHead, "socket">): "http" | "https" {
  return socket.encrypted === true ? "https" : "http";
}

/** HTTP status of a REST answer. */
export function statusOf(error: ConnectError | undefined): number {
  return error === undefined ? 200 : reasons[reasonOf(error)].http;
}

/** The path of a request, without the query. */
export function pathOf({ url }: Pick<RequestHead, "url">): string {
  const path = url ?? "";
  const query = path.indexOf("?");
  return query === -1 ? path : path.slice(0, query);
}

/** Ends the connection or stream below a response at once. */
export function cut({ request, response }: Pick<Exchange, "request" | "response">): void {
  if ("stream" in request) request.stream.close(cancelCode);
  else response.destroy();
}

/** Whether the whole response was sent. Over HTTP/2 Node itself ends what a client has reset, so its own word for it says nothing. */
export function isFinished({ request, response }: Pick<Exchange, "request" | "response">): boolean {
  if ("stream" in request) return response.writableEnded && !request.stream.aborted;
  return (response as unknown as { writableFinished: boolean }).writableFinished;
}

/** Whether the client, or we, have closed the connection or stream below a response. */
export function isClosed({ request, response }: Pick<Exchange, "request" | "response">): boolean {
  if ("stream" in request) return request.stream.destroyed || request.stream.closed;
  return (response as unknown as { destroyed: boolean }).destroyed;
}

/** NGHTTP2_CANCEL. */
const cancelCode = 8;
