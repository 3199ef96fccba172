import { retryHeaders } from "../../dialects/openai/errors.ts";
import type { ConnectError } from "@connectrpc/connect";
import type { CallRecord } from "../../core/context.ts";
import { asFault, reasonOf, reasons } from "../../core/reasons.ts";
import type { Log } from "../../core/ports.ts";
import { isClosed, type Exchange } from "../exchange.ts";
import { logCause } from "../log-lines.ts";
import { sendJson } from "../send.ts";
import type { Envelope } from "./envelope.ts";

/** Notes what a call failed with, and writes down what must not leave the process. */
export function note({ call, outcome }: Exchange, error: unknown, log: Log) {
  logCause(log, error, { requestId: call.requestId, procedure: call.procedure });
  const known = asFault(error);
  outcome.error ??= known;
  return known;
}

/** Answers with the envelope of the route's clients, and when to try again. Nothing is sent to a client that is gone. */
export function answerError(
  exchange: Exchange,
  error: unknown,
  { log, envelope }: { readonly log: Log; readonly envelope: Envelope },
): void {
  const known = note(exchange, error, log);
  const { response } = exchange;
  if (response.headersSent || response.writableEnded || isClosed(exchange)) return;
  const headers = { ...retryHeaders(known), ...attemptHeaders(known, exchange.call.record), ...envelope.headersOf?.(exchange) };
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  if (!exchange.request.complete && !("stream" in exchange.request) && exchange.call.signal.aborted)
    response.setHeader("connection", "close");
  const status = envelope.statusOf(known);
  exchange.outcome.status = status;
  sendJson(exchange, status, envelope.bodyOf(known, exchange));
}

/** How often targets were asked. What failed here more than once is not to be multiplied by an SDK: each attempt may have to be paid for. A rate limit says itself when to come again. */
function attemptHeaders(error: ConnectError, { attempts, further, retries }: CallRecord): Record<string, string> {
  if (attempts === 0) return {};
  const { fault, http } = reasons[reasonOf(error)];
  return {
    "x-parley-attempts": String(attempts),
    "x-parley-retries": String(retries),
    ...(further > 0 && fault === "provider" && http >= 500 && { "x-should-retry": "false" }),
  };
}
