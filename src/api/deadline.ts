import type { IncomingHttpHeaders } from "node:http";
import { invalidField } from "../core/reasons.ts";
import type { ConnectError } from "@connectrpc/connect";

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** How long the caller wants to wait, ms, from `grpc-timeout` or `connect-timeout-ms`; undefined when it says nothing. Throws `invalid_request` when it cannot be read. */
export function timeoutMsOf(headers: IncomingHttpHeaders): number | undefined {
  const grpc = headers["grpc-timeout"];
  if (typeof grpc === "string") {
    const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(grpc) ?? [];
    if (digits === undefined || unit === undefined) throw unreadable("grpc-timeout", "1 to 8 digits and one of H, M, S, m, u, n");
    return Number(digits) * (unitMs[unit] ?? 1);
  }
  const connect = headers["connect-timeout-ms"];
  if (typeof connect !== "string") return undefined;
  if (!/^\d{1,10}$/.test(connect)) throw unreadable("connect-timeout-ms", "1 to 10 digits");
  return Number(connect);
}

function unreadable(header: string, wanted: string): ConnectError {
  return invalidField(header, `must be ${wanted}`);
}
