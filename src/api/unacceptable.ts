import type { ConnectError } from "@connectrpc/connect";
import type { Limits } from "../core/limits.ts";
import type { Log } from "../core/ports.ts";
import { fault } from "../core/reasons.ts";
import { pathOf, type Doors, type Exchange, type HttpRequest, type Procedure } from "./exchange.ts";
import { answerError } from "./rest/answer-error.ts";
import { envelopeOf } from "./rest/families.ts";
import { refuseRpc } from "./rpc/refuse.ts";

/** Why a request is refused for its headers alone, before it is asked what it wants. */
interface Refusal {
  readonly error: ConnectError;
  /** Where it is not the reason's own. */
  readonly status?: number;
}

/** What answers a request that HTTP itself refuses; undefined for any other. */
export function unacceptable(request: HttpRequest, { limits, log }: Pick<Doors, "limits" | "log">): Procedure | undefined {
  const refusal = tooManyHeaders(request, limits) ?? wrongTarget(request) ?? twoAuthorizations(request) ?? unmetExpectation(request);
  if (refusal === undefined) return undefined;
  const named = { name: "_OTHER", purpose: "other" } as const;
  // A client of gRPC reads nothing but its trailers.
  if (isGrpc(request)) return { ...named, family: "rpc", serve: (exchange) => refuseRpc(exchange, refusal.error) };
  return { ...named, family: "rest", serve: answering(refusal, log) };
}

function isGrpc({ headers }: HttpRequest): boolean {
  return headers["content-type"]?.startsWith("application/grpc") === true;
}

function answering({ error, status }: Refusal, log: Log): Procedure["serve"] {
  return async (exchange: Exchange) => {
    exchange.outcome.error = error;
    const envelope = envelopeOf(pathOf(exchange.request));
    answerError(exchange, error, { log, envelope: status === undefined ? envelope : { ...envelope, statusOf: () => status } });
  };
}

/** What RFC 9113 counts for a header beside its name and value, bytes. */
const headerOverheadBytes = 32;

/** Node limits the size of HTTP/1.1's headers, and not their number; over HTTP/2 it resets what is too large, but only once the client has taken our settings. */
function tooManyHeaders(request: HttpRequest, { maxHeaders, maxHeaderBytes }: Limits): Refusal | undefined {
  const { rawHeaders } = request;
  if (rawHeaders.length / 2 > maxHeaders)
    return { status: 431, error: fault("invalid_request", `the request has more headers than limits.maxHeaders, ${maxHeaders}`) };
  if (!("stream" in request) || bytesOf(rawHeaders) <= maxHeaderBytes) return undefined;
  return { status: 431, error: fault("invalid_request", `the headers are larger than limits.maxHeaderBytes, ${maxHeaderBytes} bytes`) };
}

/** Whether a request over HTTP/2 is refused for its headers' number or size, or for who it says is calling. */
export function hasBadHeaders(rawHeaders: readonly string[], { maxHeaders, maxHeaderBytes }: Limits): boolean {
  return rawHeaders.length / 2 > maxHeaders || bytesOf(rawHeaders) > maxHeaderBytes || timesNamed("authorization", rawHeaders) > 1;
}

function bytesOf(rawHeaders: readonly string[]): number {
  let bytes = 0;
  for (const text of rawHeaders) bytes += text.length + headerOverheadBytes / 2;
  return bytes;
}

/** Refuses a target that proxies and servers may read differently: what decides must be the path alone, on one named host. */
function wrongTarget(request: HttpRequest): Refusal | undefined {
  if (request.method === "CONNECT") return { error: fault("method_not_allowed", "CONNECT is not allowed here") };
  if ("stream" in request) return twoAuthorities(request);
  if (request.url?.startsWith("/") !== true && request.url !== "*")
    return { error: fault("invalid_request", "the request names its target as a whole URL; name the path alone") };
  const hosts = timesNamed("host", request.rawHeaders);
  if (hosts > 1) return { error: fault("invalid_request", "host: the request names it more than once") };
  if (hosts === 0 && request.httpVersion === "1.1") return { error: fault("invalid_request", "host: the request names none") };
  return undefined;
}

/** Over HTTP/2 `host` may say again what `:authority` says, and nothing else. */
function twoAuthorities({ authority, headers: { host } }: Extract<HttpRequest, { readonly authority: string }>): Refusal | undefined {
  if (host === undefined || authority === undefined || authority === host) return undefined;
  return { error: fault("invalid_request", "host: the request names another beside its :authority") };
}

/** Of several, Node shows the first alone: what stands before us may go by the last. */
function twoAuthorizations({ rawHeaders }: HttpRequest): Refusal | undefined {
  if (timesNamed("authorization", rawHeaders) <= 1) return undefined;
  return { error: fault("invalid_request", "authorization: the request names it more than once") };
}

function timesNamed(header: string, rawHeaders: readonly string[]): number {
  let times = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index];
    if (name !== undefined && name.length === header.length && name.toLowerCase() === header) times += 1;
  }
  return times;
}

function unmetExpectation({ headers: { expect } }: HttpRequest): Refusal | undefined {
  if (expect === undefined || /^100-continue$/i.test(expect)) return undefined;
  const error = fault("invalid_request", `expect: ${JSON.stringify(expect.slice(0, 64))} is not known here; only 100-continue is`);
  return { status: 417, error };
}
