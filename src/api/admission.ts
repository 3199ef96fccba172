import { randomUUID } from "node:crypto";
import type { Http2ServerRequest } from "node:http2";
import type { ConnectError } from "@connectrpc/connect";
import { callRecord, type Call } from "../core/context.ts";
import { limitFault } from "../core/limits.ts";
import { asFault, fault, reasonOf, type Reason } from "../core/reasons.ts";
import { endSpan } from "../telemetry/tracing.ts";
import { cut, isFinished, type Doors, type Exchange, type HttpRequest, type HttpResponse, type Procedure } from "./exchange.ts";
import { judge, type Judge } from "./judge.ts";
import { discardRest } from "./linger.ts";
import { logEnd } from "./log-lines.ts";
import { describeEnd, openSpan } from "./server-span.ts";

/** Told of each call that failed before any layer saw it: the error's reason, and how long that took, ms. */
export type Refused = (status: Reason, durationMs: number) => void;

/** What admission needs beside what every door needs. */
export interface AdmissionOptions extends Omit<Doors, "service">, Pick<Judge, "authenticate" | "cors"> {
  readonly refused: Refused;
}

/** Serves one request from its headers to the end of its response. */
export type Admit = (request: HttpRequest, response: HttpResponse, procedure: Procedure) => void;

/** Makes a request's id; answered as `x-request-id`. */
export function newRequestId(): string {
  return `req_${randomUUID().replaceAll("-", "")}`;
}

/**
 * Runs before the body of every request is read: opens the SERVER span, decides the caller and whether it may, joins the reasons to stop into one signal,
 * has the procedure serve it, and at the end writes the log line that no layer wrote. What it refuses is answered by the procedure's door, in its own protocol.
 */
export function admission(options: AdmissionOptions): Admit {
  const { clock, drain, limits } = options;
  return function admit(request, response, procedure) {
    const controller = new AbortController();
    const abort = (reason: ConnectError) => controller.abort(reason);
    const leave = drain.enter(abort);
    const startedMs = clock.now();
    const verdict = judge(request, procedure, options);
    const call: Call = {
      requestId: String(response.getHeader("x-request-id")),
      procedure: procedure.name,
      protocol: protocolOf(request, procedure),
      caller: verdict.caller,
      startedMs,
      deadlineMs: verdict.timeoutMs === undefined ? undefined : startedMs + verdict.timeoutMs,
      signal: controller.signal,
      span: openSpan(request, procedure),
      upstreamKey: undefined,
      idempotencyKey: headerOf(request, "idempotency-key"),
      record: callRecord(),
    };
    const exchange: Exchange = { request, response, call, abort, refusal: verdict.refusal, outcome: { error: verdict.refusal } };
    const stopTimers = limitTime(exchange, options);
    void run(exchange, procedure, { clock, limits }).then(() => {
      stopTimers();
      finish(exchange, procedure, options);
      leave();
    });
  };
}

/** Serves, and resolves when the response is closed and the work has ended. */
async function run(exchange: Exchange, procedure: Procedure, { clock, limits }: Pick<Doors, "clock" | "limits">): Promise<void> {
  const { request, response, outcome } = exchange;
  const closed = new Promise<void>((resolve) => {
    response.once("close", () => {
      if (!isFinished(exchange)) exchange.abort(outcome.error ?? goneFault(exchange.call, clock.now()));
      resolve();
    });
  });
  // A reset of the stream is told by `close`; unheard, its error would end the process.
  response.on("error", () => {});
  request.on("error", () => {});
  try {
    await procedure.serve(exchange);
  } catch (error) {
    outcome.error ??= asFault(error);
  }
  if (!response.writableEnded) cut(exchange);
  else discardRest(request);
  // A client that reads nothing of what was sent holds its connection no longer than one that does nothing.
  const stop = clock.after(limits.idleConnectionMs, () => cut(exchange));
  // The call has ended when its answer is out, though a client may still be sending what nobody wants.
  await Promise.race([closed, ...(response.writableEnded && "stream" in request ? [sent(request.stream)] : [])]);
  stop();
}

function sent(stream: Http2ServerRequest["stream"]): Promise<void> {
  if (stream.writableFinished) return Promise.resolve();
  return new Promise((resolve) => void stream.once("finish", resolve));
}

/** How much sooner than ours a client's own timer may fire, ms: it started before the request was sent. */
const deadlineSlackMs = 50;

/** Why a client left: its deadline, when it leaves as that passes. */
function goneFault({ deadlineMs }: Call, nowMs: number): ConnectError {
  if (deadlineMs !== undefined && nowMs >= deadlineMs - deadlineSlackMs)
    return fault("deadline_exceeded", "the caller's deadline has passed, and it went away");
  return fault("caller_gone", "the client went away");
}

/** The call's time and its body's time. */
function limitTime(exchange: Exchange, { clock, limits }: AdmissionOptions): () => void {
  const { call, request } = exchange;
  const deadline = call.deadlineMs === undefined ? undefined : call.deadlineMs - call.startedMs;
  const stopCall = clock.after(deadline ?? limits.callMs, () =>
    exchange.abort(
      deadline === undefined
        ? limitFault("callMs", `the call took longer than limits.callMs, ${limits.callMs} ms`)
        : fault("deadline_exceeded", `the caller's deadline of ${Math.round(deadline)} ms has passed`),
    ),
  );
  if (request.complete) return stopCall;
  const stopBody = clock.after(limits.bodyMs, () => {
    if (request.complete || exchange.response.writableEnded) return;
    exchange.abort(limitFault("bodyMs", `the body took longer than limits.bodyMs, ${limits.bodyMs} ms`));
  });
  return () => {
    stopCall();
    stopBody();
  };
}

function finish(exchange: Exchange, procedure: Procedure, { log, clock, refused }: AdmissionOptions): void {
  const { call, outcome } = exchange;
  if (outcome.error === undefined && call.signal.aborted) outcome.error = asFault(call.signal.reason);
  describeEnd(exchange, procedure);
  endSpan(call.span, outcome.error);
  if (call.record.isLogged) return;
  const durationMs = clock.now() - call.startedMs;
  logEnd({ exchange, procedure, log, durationMs });
  if (procedure.purpose === "call" && outcome.error !== undefined) refused(reasonOf(outcome.error), durationMs);
}

function protocolOf({ headers }: HttpRequest, { family }: Procedure): string {
  if (family === "rest") return "rest";
  const type = headers["content-type"] ?? "";
  if (type.startsWith("application/grpc-web")) return "grpc-web";
  return type.startsWith("application/grpc") ? "grpc" : "connect";
}

function headerOf({ headers }: HttpRequest, name: string): string | undefined {
  const value = headers[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}
