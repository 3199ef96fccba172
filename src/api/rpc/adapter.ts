import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { createMutableRegistry, type DescMessage, type MutableRegistry } from "@bufbuild/protobuf";
import { Code, createConnectRouter, createContextValues, type ConnectRouter, type Interceptor } from "@connectrpc/connect";
import { compressionBrotli, compressionGzip } from "@connectrpc/connect-node";
import { codeToHttpStatus } from "@connectrpc/connect/protocol-connect";
import type { UniversalHandler, UniversalServerRequest, UniversalServerResponse } from "@connectrpc/connect/protocol";
import { fault } from "../../core/reasons.ts";
import { untilAborted } from "../../core/signals.ts";
import { schemeOf, type Doors, type Exchange, type HttpRequest, type Procedure, type Purpose } from "../exchange.ts";
import { recordingRouter, type NativeMethods } from "../grpc/methods.ts";
import { inviteBody } from "../invite.ts";
import { wholeUpload } from "../linger.ts";
import { notKept, send } from "../send.ts";
import { edge, refused } from "./edge.ts";
import { exchangeKey, exchangeOf } from "./exchange-key.ts";
import { ownErrors, type OwnErrors } from "./own-errors.ts";
import { jsonTextDecoder } from "./json-text.ts";
import { grpcTrailers, refuseRpc } from "./refuse.ts";
import { withCode } from "./with-code.ts";

/** What the RPC doors serve. */
export interface RpcOptions extends Doors {
  readonly routes: (router: ConnectRouter) => void;
  /** Run inside our own interceptor, in this order. */
  readonly interceptors: readonly Interceptor[];
  /** What a procedure is for, by its name. */
  readonly purposeOf: (procedure: string) => Purpose;
}

/** Every RPC by its path. */
export interface Rpcs {
  /** Over Connect, gRPC and gRPC-Web. */
  readonly procedures: ReadonlyMap<string, Procedure>;
  /** Those that the native gRPC door may serve. */
  readonly native: NativeMethods;
}

/** Mounts every RPC. */
export function rpcProcedures(options: RpcOptions): Rpcs {
  const registry = createMutableRegistry();
  const router = createConnectRouter({
    acceptCompression: [compressionGzip, compressionBrotli],
    readMaxBytes: options.limits.maxBodyBytes,
    jsonOptions: jsonOptions(options.limits, registry),
    interceptors: [edge(options), ...options.interceptors],
    // Runs before the body is read: what admission refused is answered in the call's own protocol.
    requestGate({ values }) {
      const exchange = exchangeOf(values);
      if (exchange.refusal !== undefined) throw refused(exchange, exchange.refusal);
    },
  });
  const recorded = recordingRouter(router, options.interceptors);
  options.routes(recorded.router);
  for (const { service } of router.handlers) for (const message of service.file.messages) addNested(registry, message);
  const procedures = new Map(router.handlers.map((handler) => [handler.requestPath, procedureOf(handler, options)]));
  return { procedures, native: recorded.methods };
}

/** What an `Any` holds can be written as JSON only where its message is known: those of the files of all services are. */
function addNested(registry: MutableRegistry, message: DescMessage): void {
  registry.add(message);
  for (const nested of message.nestedMessages) addNested(registry, nested);
}

/** A misspelt field is named rather than dropped, and bytes that are not UTF-8 are refused rather than repaired. Connect's type does not tell of `textDecoder`. */
function jsonOptions(limits: Doors["limits"], registry: MutableRegistry): RpcJsonOptions {
  return { ignoreUnknownFields: false, textDecoder: jsonTextDecoder(limits), registry };
}

type RpcJsonOptions = NonNullable<NonNullable<Parameters<typeof createConnectRouter>[0]>["jsonOptions"]> & { textDecoder: object };

/** Connect's own Node adapter does the same, but stalls forever on a client that went away while it waited to write, and cannot say when a call has ended. */
function procedureOf(handler: UniversalHandler, options: RpcOptions): Procedure {
  const name = `${handler.service.typeName}/${handler.method.name}`;
  return {
    name,
    family: "rpc",
    purpose: options.purposeOf(name),
    async serve(exchange) {
      const request = universalRequest(exchange, options);
      if (request === undefined) return refuseRpc(exchange, fault("invalid_request", "host: the request names no host, or no valid one"));
      if (request.method === "GET") exchange.response.setHeader("cache-control", notKept);
      const response = await handler(request);
      // Connect answers a wrong method or content type with a bare status.
      if (response.status >= 400 && response.body === undefined) return refuseRpc(exchange, bareStatus(response.status, handler, exchange));
      await respond(exchange, response, options);
    },
  };
}

/** Connect's clients make `unknown` of these statuses where they cannot read the answer; those that can are told the same, and the reason beside it. */
function bareStatus(status: number, handler: UniversalHandler, exchange: Exchange) {
  const named = bareFault(status, handler, exchange);
  return exchange.call.protocol === "connect" && status !== 505 ? withCode(named, Code.Unknown) : named;
}

function bareFault(status: number, { allowedMethods, method }: UniversalHandler, { request, response }: Exchange) {
  if (status === 405) {
    const allow = allowedMethods.flatMap((name) => (name === "GET" ? ["GET", "HEAD"] : [name])).join(", ");
    response.setHeader("allow", allow);
    return fault("method_not_allowed", `${request.method} is not allowed here; allowed are ${allow}`, { metadata: { allow } });
  }
  if (status === 505) return fault("invalid_request", "this RPC streams both ways, which needs HTTP/2");
  const type = (request.headers["content-type"] ?? "").slice(0, 128);
  const known =
    method.methodKind === "unary" ? "application/json, application/proto" : "application/connect+json, application/connect+proto";
  return fault(
    "unsupported_media_type",
    `content-type ${JSON.stringify(type)} is none of ${known}, application/grpc, application/grpc-web`,
  );
}

function universalRequest(exchange: Exchange, { limits }: RpcOptions): UniversalServerRequest | undefined {
  const { request, call } = exchange;
  const url = URL.parse(request.url ?? "", `${schemeOf(request)}://${authorityOf(request)}`);
  if (url === null) return undefined;
  return {
    httpVersion: request.httpVersion,
    // Asks for what GET would be told of the answer.
    method: request.method === "HEAD" ? "GET" : (request.method ?? ""),
    url: url.href,
    header: headersOf(request, limits.callMs),
    body: bodyOf(exchange),
    signal: call.signal,
    contextValues: createContextValues().set(exchangeKey, exchange),
  };
}

function authorityOf(request: HttpRequest): string {
  const { host } = request.headers;
  return ("authority" in request ? request.authority : host) ?? host ?? "";
}

/** The headers as Connect wants them. A timeout beyond ours is cut to ours here: Connect would refuse it, or overflow its timer. */
function headersOf({ headers }: HttpRequest, callMs: number): Headers {
  const header = new Headers();
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined || name.startsWith(":")) continue;
    if (typeof value === "string") header.append(name, value);
    else for (const item of value) header.append(name, item);
  }
  const timeoutMs = Number(header.get("connect-timeout-ms"));
  if (timeoutMs > callMs) header.set("connect-timeout-ms", String(callMs));
  if (header.has("grpc-timeout")) capGrpcTimeout(header, callMs);
  return header;
}

function capGrpcTimeout(header: Headers, callMs: number): void {
  const value = header.get("grpc-timeout") ?? "";
  const unit = { H: 3_600_000, M: 60_000, S: 1000, m: 1 }[value.slice(-1)];
  if (unit !== undefined && Number(value.slice(0, -1)) * unit > callMs) header.set("grpc-timeout", `${callMs}m`);
}

/** The body, until the call ends. Leaving it early does not destroy the connection, on which the answer is still to be sent. */
async function* bodyOf(exchange: Exchange): AsyncGenerator<Uint8Array, void, undefined> {
  const { request, call } = exchange;
  inviteBody(exchange);
  const chunks = request.iterator({ destroyOnReturn: false })[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  try {
    for (;;) {
      const chunk = await untilAborted(chunks.next(), call.signal);
      if (chunk.done === true) return;
      yield chunk.value;
    }
  } finally {
    // Not awaited: an iterator that waits for bytes that never come would hold the answer. The rest is read and thrown away,
    // so that a client which is still writing gets to read the answer; not before, for the iterator's own reading would undo it.
    const left = chunks.return?.() ?? Promise.resolve();
    void left.catch(() => {}).then(() => request.resume());
  }
}

async function respond(exchange: Exchange, answer: UniversalServerResponse, options: RpcOptions): Promise<void> {
  const { call, outcome } = exchange;
  const chunks = answer.body?.[Symbol.asyncIterator]() ?? nothing;
  try {
    await sendAll(exchange, { ...answer, chunks }, options);
  } catch (error) {
    // The end of the call has been noted, or is the client's own doing: there is nobody to tell.
    if (!call.signal.aborted && outcome.error === undefined) throw error;
  } finally {
    await chunks.return?.();
  }
}

type Answer = UniversalServerResponse & { readonly chunks: AsyncIterator<Uint8Array> };

async function sendAll(exchange: Exchange, answer: Answer, options: RpcOptions): Promise<void> {
  const { response } = exchange;
  const { status, header, chunks, trailer } = answer;
  const own = ownErrors(exchange, status, options);
  if (status >= 400) return sendError(exchange, answer, own);
  if (exchange.request.method === "HEAD") return sendHead(exchange, answer);
  // Headers go out with the first bytes, so that a handler can still add to them.
  let chunk = await chunks.next();
  await wholeUpload(exchange, options);
  response.writeHead(status, Object.fromEntries(header ?? []));
  for (; chunk.done !== true; chunk = await chunks.next()) await send(exchange, own.chunk(chunk.value), options);
  if (trailer !== undefined) response.addTrailers(grpcTrailers(own.trailer(trailer)));
  response.end();
}

/** Sends what GET would be told before the body. Over HTTP/2 a body after it would be an error. */
async function sendHead({ response }: Exchange, { status, header, chunks }: Answer): Promise<void> {
  let length = 0;
  for (let chunk = await chunks.next(); chunk.done !== true; chunk = await chunks.next()) length += chunk.value.length;
  response.writeHead(status, { ...Object.fromEntries(header ?? []), "content-length": length });
  response.end();
}

/** Sends an error of a unary call over Connect in one piece: a client that stops its upload at the status may be reset before a second one. One that is named anew has another length, and may have another code. */
async function sendError({ request, response, outcome }: Exchange, { status, header, chunks }: Answer, own: OwnErrors): Promise<void> {
  const { value } = await chunks.next();
  const isNoted = outcome.error !== undefined;
  const given = value instanceof Uint8Array ? value : new Uint8Array();
  const bytes = own.chunk(isNoted ? given : plain(given, header));
  const headers = { ...Object.fromEntries(header ?? []), "content-length": String(bytes.length) };
  response.writeHead(isNoted || outcome.error === undefined ? status : codeToHttpStatus(outcome.error.code), headers);
  response.end(request.method === "HEAD" ? undefined : bytes);
}

/** A long error as it was before Connect compressed it, to be named anew. */
function plain(bytes: Uint8Array, header: Headers | undefined): Uint8Array {
  const encoding = header?.get("content-encoding");
  header?.delete("content-encoding");
  if (encoding === "gzip") return gunzipSync(bytes);
  return encoding === "br" ? brotliDecompressSync(bytes) : bytes;
}

const nothing: AsyncIterator<Uint8Array> = { next: async () => ({ done: true, value: undefined }) };
