import { Code, type ConnectError } from "@connectrpc/connect";
import { asFault, reasonOf, reasons } from "../core/reasons.ts";
import type { Log } from "../core/ports.ts";
import type { Admitted, Called } from "./exchange.ts";

/** Writes the line of a request that no layer logged: refusals, models, health, unknown paths. */
export function logEnd({
  exchange,
  procedure,
  log,
  durationMs,
}: {
  exchange: Admitted;
  procedure: Called;
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
  if (procedure.purpose === "probe") return log.debug("request", facts);
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
