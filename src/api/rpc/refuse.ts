import type { ConnectError } from "@connectrpc/connect";
import { errorToJson } from "@connectrpc/connect/protocol-connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { fault } from "../../core/reasons.ts";
import { pathOf, statusOf, type Exchange, type Procedure } from "../exchange.ts";
import { sendBody } from "../send.ts";
import { refused } from "./edge.ts";

const unsupportedMediaType = 415;

/** Answers an RPC that no handler takes, in the protocol of its content type. */
export async function refuseRpc(exchange: Exchange, error: ConnectError): Promise<void> {
  const { response, call } = exchange;
  const told = refused(exchange, error);
  if (call.protocol === "connect") {
    const status = statusOf(error);
    // Connect's exact type would say that the request was one of Connect; it may as well be a wrong one of another protocol.
    const type = status === unsupportedMediaType ? "application/json; charset=utf-8" : "application/json";
    return sendBody(exchange, status, { type, body: JSON.stringify(errorToJson(told, undefined)) });
  }
  const trailer = new Headers();
  setTrailerStatus(trailer, told);
  // Trailers only: `writeHead` would send an empty DATA frame after them, on which grpcio says "Stream removed".
  response.setHeader("content-type", exchange.request.headers["content-type"] ?? "application/grpc");
  for (const [name, value] of Object.entries(grpcTrailers(trailer))) response.setHeader(name, value);
  response.end();
}

/** Trailers with the message escaped as gRPC says: Connect escapes more, and grpc-js would show `%2F` for every slash. */
export function grpcTrailers(trailer: Headers): Record<string, string> {
  const trailers = Object.fromEntries(trailer);
  const message = trailers["grpc-message"];
  if (message === undefined) return trailers;
  const text = decodeURIComponent(message);
  return { ...trailers, "grpc-message": text.replaceAll(/[^ -$&-~]+/gu, encodeURIComponent) };
}

/** Answers RPCs that do not exist: a gRPC client gets UNIMPLEMENTED, a Connect client its JSON. */
export const unknownRpc: Procedure = {
  name: "_OTHER",
  family: "rpc",
  purpose: "other",
  serve: (exchange) => {
    const path = JSON.stringify(pathOf(exchange.request).slice(0, 256));
    return refuseRpc(exchange, exchange.refusal ?? fault("route_not_found", `there is no RPC ${path}`));
  },
};

/** Whether a content type is one of an RPC protocol alone, so that even a request to an unknown path is an RPC. */
export function isRpcType(contentType: string | undefined): boolean {
  return contentType !== undefined && /^application\/(grpc|connect\+|proto\b)/.test(contentType);
}
