import type { Attributes, Span } from "@opentelemetry/api";
import { Code, type ConnectError } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import { asFault, reasonOf, reasons } from "../core/reasons.ts";
import type { Log } from "../core/ports.ts";
import { grpcStatusName, serverSpan } from "../telemetry/tracing.ts";
import type { Exchange, HttpRequest, Procedure } from "./exchange.ts";

/** `rpc.status_code` as the RPC conventions of 2026-08-20 call it; older releases said `rpc.grpc.status_code`. */
const rpcStatusCode = "rpc.status_code";

/** Opens the SERVER span: below the caller's, by the W3C headers. */
export function openSpan(request: HttpRequest, { name, family }: Procedure): Span {
  return serverSpan(name, request.headers, { ...attributesOf(request, name, family), ...clientIds(request) });
}

function attributesOf(request: HttpRequest, name: string, family: Procedure["family"]): Attributes {
  if (family === "rpc") {
    const isGrpc = (request.headers["content-type"] ?? "").startsWith("application/grpc");
    return {
      "rpc.system.name": isGrpc ? "grpc" : "connectrpc",
      "rpc.method": name,
      ...(name === "_OTHER" && { "rpc.method_original": pathOf(request).slice(1, 257) }),
    };
  }
  const [method, route] = name.split(" ");
  return {
    "http.request.method": method ?? "_OTHER",
    "url.path": pathOf(request).slice(0, 256),
    "url.scheme": "http",
    ...(route !== undefined && { "http.route": route }),
  };
}

/** Ids that the client made up are facts about the client, and never ours. */
function clientIds({ headers }: HttpRequest): Attributes {
  const id = headers["x-request-id"] ?? headers["x-client-request-id"];
  const retries = headers["x-stainless-retry-count"];
  return {
    ...(typeof id === "string" && { "parley.client.request_id": id.slice(0, 256) }),
    ...(typeof retries === "string" && { "parley.client.retry_count": retries.slice(0, 8) }),
  };
}

/** Puts the status on the span. */
export function describeEnd({ call, outcome }: Exchange, { family }: Procedure): void {
  if (!call.span.isRecording()) return;
  if (family === "rest") {
    call.span.setAttribute("http.response.status_code", statusOf(outcome.error));
    return;
  }
  call.span.setAttribute(rpcStatusCode, call.protocol === "connect" ? connectStatus(outcome.error) : grpcStatusName(outcome.error));
}

/** HTTP status of a REST answer. */
export function statusOf(error: ConnectError | undefined): number {
  return error === undefined ? 200 : reasons[reasonOf(error)].http;
}

function connectStatus(error: ConnectError | undefined): string {
  return error === undefined ? "ok" : codeToString(error.code);
}

/** Writes the line of a request that no layer logged: refusals, models, health, unknown paths. */
export function logEnd({
  exchange,
  procedure,
  log,
  durationMs,
}: {
  exchange: Exchange;
  procedure: Procedure;
  log: Log;
  durationMs: number;
}): void {
  const { call, outcome } = exchange;
  const status = outcome.error === undefined ? "ok" : reasonOf(outcome.error);
  const facts = {
    requestId: call.requestId,
    procedure: call.procedure,
    protocol: call.protocol,
    ...(call.caller.keyId !== "" && { tenant: call.caller.tenant, keyId: call.caller.keyId }),
    ...(call.span.isRecording() && { traceId: call.span.spanContext().traceId }),
    status,
    durationMs: Math.round(durationMs * 100) / 100,
  };
  if (procedure.isProbe) return log.debug("request", facts);
  if (outcome.error === undefined || isExpected(outcome.error)) return log.info("request", facts);
  log.error("request", { ...facts, error: outcome.error });
}

/** Whether an error is the caller's or a policy's doing rather than a failure. */
function isExpected(error: ConnectError): boolean {
  const { fault } = reasons[reasonOf(error)];
  return fault === "caller" || fault === "policy" || error.code === Code.Unimplemented;
}

/** Writes down what an error that leaves the process as opaque was; the wire never has it. */
export function logCause(log: Log, error: unknown, facts: Readonly<Record<string, unknown>>): void {
  const known = asFault(error);
  if (reasonOf(known) !== "internal") return;
  log.error("internal error", { ...facts, error: known.cause instanceof Error ? known.cause : error });
}

/** The path of a request, without the query. */
export function pathOf({ url }: HttpRequest): string {
  const path = url ?? "";
  const query = path.indexOf("?");
  return query === -1 ? path : path.slice(0, query);
}
