import type { Attributes, Span } from "@opentelemetry/api";
import type { ConnectError } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import { grpcStatusName, isTraced, noSpan, serverSpan } from "../telemetry/tracing.ts";
import { pathOf, schemeOf, statusOf, type Admitted, type Called, type RequestHead } from "./exchange.ts";

/** `rpc.status_code` as the RPC conventions of 2026-08-20 call it; older releases said `rpc.grpc.status_code`. */
const rpcStatusCode = "rpc.status_code";

/** Opens the SERVER span: below the caller's, by the W3C headers. Probes have none, for they would be most of all spans. */
export function openSpan(request: RequestHead, { name, family, purpose }: Called): Span {
  if (purpose === "probe" || !isTraced()) return noSpan;
  return serverSpan(name, request.headers, { ...attributesOf(request, name, family), ...clientIds(request) });
}

function attributesOf(request: RequestHead, name: string, family: Called["family"]): Attributes {
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
    "url.scheme": schemeOf(request),
    ...(route !== undefined && { "http.route": route }),
  };
}

/** Ids that the client made up are facts about the client, and never ours. */
function clientIds({ headers }: RequestHead): Attributes {
  const id = headers["x-request-id"] ?? headers["x-client-request-id"];
  const retries = headers["x-stainless-retry-count"];
  return {
    ...(typeof id === "string" && { "parley.client.request_id": id.slice(0, 256) }),
    ...(typeof retries === "string" && { "parley.client.retry_count": retries.slice(0, 8) }),
  };
}

/** Puts the status on the span. */
export function describeEnd({ call, outcome }: Admitted, { family }: Called): void {
  if (!call.span.isRecording()) return;
  if (family === "rest") {
    call.span.setAttribute("http.response.status_code", outcome.status ?? statusOf(outcome.error));
    return;
  }
  call.span.setAttribute(rpcStatusCode, call.protocol === "connect" ? connectStatus(outcome.error) : grpcStatusName(outcome.error));
}

function connectStatus(error: ConnectError | undefined): string {
  return error === undefined ? "ok" : codeToString(error.code);
}
