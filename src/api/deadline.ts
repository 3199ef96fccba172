import type { IncomingHttpHeaders } from "node:http";
import { fault } from "../core/reasons.ts";
import type { ConnectError } from "@connectrpc/connect";

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** How long the caller wants to wait, ms, from `grpc-timeout` or `connect-timeout-ms`; undefined when it says nothing, a fault when it cannot be read. */
export function timeoutMsOf(headers: IncomingHttpHeaders): number | undefined | ConnectError {
  const grpc = headers["grpc-timeout"];
  if (typeof grpc === "string") {
    const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(grpc) ?? [];
    if (digits === undefined || unit === undefined) return unreadable("grpc-timeout", "1 to 8 digits and one of H, M, S, m, u, n");
    return Number(digits) * (unitMs[unit] ?? 1);
  }
  const connect = headers["connect-timeout-ms"];
  if (typeof connect !== "string") return undefined;
  return /^\d{1,10}$/.test(connect) ? Number(connect) : unreadable("connect-timeout-ms", "1 to 10 digits");
}

function unreadable(header: string, wanted: string): ConnectError {
  return fault("invalid_request", `${header}: must be ${wanted}`, { fields: [{ field: header, description: `must be ${wanted}` }] });
}
