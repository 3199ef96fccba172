import { errorToOpenAI, retryHeaders, type ParamOf } from "../../dialects/openai/errors.ts";
import { asFault } from "../../core/reasons.ts";
import type { Log } from "../../core/ports.ts";
import { isClosed, statusOf, type Exchange } from "../exchange.ts";
import { logCause } from "../log-lines.ts";
import { sendJson } from "../send.ts";

/** Notes what a call failed with, and writes down what must not leave the process. */
export function note({ call, outcome }: Exchange, error: unknown, log: Log) {
  logCause(log, error, { requestId: call.requestId, procedure: call.procedure });
  const known = asFault(error);
  outcome.error ??= known;
  return known;
}

/** Answers with OpenAI's envelope, the reason's status, and when to try again. Nothing is sent to a client that is gone. */
export function answerError(exchange: Exchange, error: unknown, { log, param }: { readonly log: Log; readonly param?: ParamOf }): void {
  const known = note(exchange, error, log);
  const { response } = exchange;
  if (response.headersSent || response.writableEnded || isClosed(exchange)) return;
  for (const [name, value] of Object.entries(retryHeaders(known))) response.setHeader(name, value);
  if (!exchange.request.complete && !("stream" in exchange.request) && exchange.call.signal.aborted)
    response.setHeader("connection", "close");
  sendJson(exchange, statusOf(known), errorToOpenAI(known, param));
}
