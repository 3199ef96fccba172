import type { OutgoingHttpHeaders } from "node:http";
import type { ConnectError } from "@connectrpc/connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { grpcTrailers } from "../rpc/refuse.ts";

const ok: OutgoingHttpHeaders = { "grpc-status": "0" };

/** The trailers of a call: its status with rich details, and what its implementation has added. */
export function trailersOf(error: ConnectError | undefined, added: Headers | undefined): OutgoingHttpHeaders {
  if (error === undefined && added === undefined) return ok;
  return grpcTrailers(setTrailerStatus(added ?? new Headers(), error));
}
