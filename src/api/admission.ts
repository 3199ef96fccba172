import { Code, type ConnectError } from "@connectrpc/connect";
import { callRecord, type Call } from "../core/context.ts";
import { limitFault } from "../core/limits.ts";
import { randomId } from "../core/random-id.ts";
import { asFault, fault, reasonOf, type Reason } from "../core/reasons.ts";
import { endSpan } from "../telemetry/tracing.ts";
import {
  type Admitted,
  type Called,
  type Doors,
  type Exchange,
  type HttpRequest,
  type HttpResponse,
  type Procedure,
  type RequestHead,
} from "./exchange.ts";
import { challenge } from "./authenticate.ts";
import { judge, type Judge, type Verdict } from "./judge.ts";
import { logEnd } from "./log-lines.ts";
import { places } from "./places.ts";
import { run } from "./run.ts";
import { describeEnd, openSpan } from "./server-span.ts";

/** Told of each call that failed before any layer saw it: the error's reason, and how long that took, ms. */
export type Refused = (status: Reason, durationMs: number) => void;

/** What admission needs beside what every door needs. */
export interface AdmissionOptions extends Omit<Doors, "service">, Pick<Judge, "authenticate" | "cors" | "checkHost"> {
  readonly refused: Refused;
  /** Whether errors of RPCs carry our details. */
  readonly errorDetails: boolean;
}

/** Serves one request from its headers to the end of its response. */
export type Admit = (request: HttpRequest, response: HttpResponse, procedure: Procedure) => void;

/** A request that was let in, until it is let out. */
export interface Entry extends Admitted {
  /** Tells the drain that the call has ended. */
  readonly leave: () => void;
  /** Called when it is ended by `abort`: cheaper than a listener of its signal, which a door would add and remove at every call. Of the entry itself, and of no copy; must not throw. */
  onAbort: (() => void) | undefined;
}

/** Where every request comes in and goes out, whatever carries it. */
export interface Gate {
  /** Before the body is read: opens the SERVER span, decides the caller and whether it may, joins the reasons to stop into one signal. */
  enter(head: RequestHead, requestId: string, called: Called): Entry;
  /** Once, at the end: writes the log line that no layer wrote, and ends the span. */
  leave(entry: Entry, called: Called): void;
}

/** Makes a request's id; answered as `x-request-id`. */
export const newRequestId = (): string => randomId("req_");

/** The gate of a listener. */
export function gate(options: AdmissionOptions): Gate {
  const { clock, drain, errorDetails } = options;
  const running = places();
  return {
    enter(head, requestId, called) {
      const controller = new AbortController();
      let entry: Entry | undefined = undefined; // a drain may end it before there is one
      const abort = (reason: ConnectError) => {
        if (controller.signal.aborted) return;
        controller.abort(reason);
        entry?.onAbort?.();
      };
      const leaveDrain = drain.enter(abort);
      const startedMs = clock.now();
      let verdict = judge(head, called, options);
      let leave = leaveDrain;
      if (verdict.caller.limits !== undefined && verdict.refusal === undefined && called.purpose === "call") {
        const taken = takePlace(verdict, running);
        if (taken.refusal !== undefined) verdict = { ...verdict, refusal: taken.refusal };
        leave = () => {
          taken.giveBack?.();
          leaveDrain();
        };
      }
      const call: Call = {
        requestId,
        procedure: called.name,
        protocol: protocolOf(head, called),
        caller: verdict.caller,
        startedMs,
        deadlineMs: verdict.timeoutMs === undefined ? undefined : startedMs + verdict.timeoutMs,
        signal: controller.signal,
        span: openSpan(head, called),
        upstreamKey: verdict.upstreamKey,
        hops: verdict.hops,
        idempotencyKey: headerOf(head, "idempotency-key"),
        record: callRecord(),
      };
      const { refusal } = verdict;
      entry = { call, abort, onAbort: undefined, refusal, outcome: { error: refusal }, errorDetails, leave };
      return entry;
    },
    leave(entry, called) {
      finish(entry, called, options);
      entry.leave();
    },
  };
}

interface Taken {
  readonly giveBack?: (() => void) | undefined;
  readonly refusal?: ConnectError;
}

function takePlace({ caller }: Verdict, running: ReturnType<typeof places>): Taken {
  try {
    return { giveBack: running.take(caller) };
  } catch (error) {
    return { refusal: asFault(error) };
  }
}

/** Has a procedure serve each request that the gate lets in; what it refuses is answered by the procedure's door, in its own protocol. */
export function admission(entrance: Gate, options: Pick<Doors, "clock" | "limits">): Admit {
  return function admit(request, response, procedure) {
    const entry = entrance.enter(request, String(response.getHeader("x-request-id")), procedure);
    const exchange: Exchange & Entry = { ...entry, request, response };
    if (entry.refusal?.code === Code.Unauthenticated && entry.call.protocol !== "grpc" && entry.call.protocol !== "grpc-web")
      response.setHeader("www-authenticate", challenge);
    const stopTimers = limitTime(exchange, options);
    run(exchange, procedure, options, () => {
      stopTimers();
      entrance.leave(exchange, procedure);
    });
  };
}

/** A call that is given less has no time at all. */
const leastDeadlineMs = 1;

/** Ends a call whose own time, or the longest that any has, is over; the answer stops that. */
export function limitCall(entry: Admitted, { clock, limits: { callMs } }: Pick<Doors, "clock" | "limits">): () => void {
  const { deadlineMs, startedMs } = entry.call;
  const deadline = deadlineMs === undefined ? undefined : deadlineMs - startedMs;
  if (deadline !== undefined && deadline < leastDeadlineMs) {
    entry.abort(fault("deadline_exceeded", "the caller's deadline had passed when the call came"));
    return () => {};
  }
  return clock.after(deadline ?? callMs, () =>
    entry.abort(
      deadline === undefined
        ? limitFault("callMs", `the call took longer than limits.callMs, ${callMs} ms`)
        : fault("deadline_exceeded", `the caller's deadline of ${Math.round(deadline)} ms has passed`),
    ),
  );
}

/** What a body that does not come ends a call with. */
export function lateBody({ bodyMs }: Doors["limits"]): ConnectError {
  return limitFault("bodyMs", `the body took longer than limits.bodyMs, ${bodyMs} ms`);
}

/** The call's time and its body's time. */
function limitTime(exchange: Exchange, options: Pick<Doors, "clock" | "limits">): () => void {
  const { request, response } = exchange;
  const { clock, limits } = options;
  const stopCall = limitCall(exchange, options);
  if (request.complete) return stopCall;
  const stopBody = clock.after(limits.bodyMs, () => {
    if (!request.complete && !response.writableEnded) exchange.abort(lateBody(limits));
  });
  return () => {
    stopCall();
    stopBody();
  };
}

function finish(exchange: Admitted, procedure: Called, { log, clock, refused }: AdmissionOptions): void {
  const { call, outcome } = exchange;
  if (outcome.error === undefined && call.signal.aborted) outcome.error = asFault(call.signal.reason);
  describeEnd(exchange, procedure);
  endSpan(call.span, outcome.error);
  if (call.record.isLogged) return;
  const durationMs = clock.now() - call.startedMs;
  logEnd({ exchange, procedure, log, durationMs });
  if (procedure.purpose === "call" && outcome.error !== undefined) refused(reasonOf(outcome.error), durationMs);
}

function protocolOf({ headers }: RequestHead, { family }: Called): string {
  if (family === "rest") return "rest";
  const type = headers["content-type"] ?? "";
  if (type.startsWith("application/grpc-web")) return "grpc-web";
  return type.startsWith("application/grpc") ? "grpc" : "connect";
}

function headerOf({ headers }: RequestHead, name: string): string | undefined {
  const value = headers[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}
