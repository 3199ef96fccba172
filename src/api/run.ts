import type { Http2ServerRequest } from "node:http2";
import type { ConnectError } from "@connectrpc/connect";
import type { Call } from "../core/context.ts";
import { asFault, fault } from "../core/reasons.ts";
import { cut, isFinished, type Doors, type Exchange, type Procedure } from "./exchange.ts";
import { discardRest } from "./linger.ts";

const ignore = () => {};

/** Serves, and calls `ended` when the response is closed and the work has ended. By callbacks, which every request makes fewer of than promises. */
export function run(exchange: Exchange, procedure: Procedure, { clock, limits }: Pick<Doors, "clock" | "limits">, ended: () => void): void {
  const { request, response, outcome } = exchange;
  let isOut = false;
  /** Set when the work has ended. */
  let stop: (() => void) | undefined;
  const out = () => {
    if (isOut) return;
    isOut = true;
    if (stop === undefined) return;
    stop();
    ended();
  };
  const served = () => {
    if (!response.writableEnded) cut(exchange);
    else discardRest(request);
    if (isOut) return ended();
    // A client that reads nothing of what was sent holds its connection no longer than one that does nothing.
    stop = clock.after(limits.idleConnectionMs, () => cut(exchange));
    // The call has ended when its answer is out, though a client may still be sending what nobody wants.
    if (response.writableEnded && "stream" in request) whenSent(request.stream, out);
  };
  response.on("close", () => {
    if (!isFinished(exchange)) exchange.abort(outcome.error ?? goneFault(exchange.call, clock.now()));
    out();
  });
  // A reset of the stream is told by `close`; unheard, its error would end the process.
  response.on("error", ignore);
  request.on("error", ignore);
  const failed = (error: unknown) => {
    outcome.error ??= asFault(error);
    served();
  };
  try {
    procedure.serve(exchange).then(served, failed);
  } catch (error) {
    failed(error);
  }
}

function whenSent(stream: Http2ServerRequest["stream"], sent: () => void): void {
  if (stream.writableFinished) sent();
  else stream.once("finish", sent);
}

/** How much sooner than ours a client's own timer may fire, ms: it started before the request was sent. */
const deadlineSlackMs = 50;

/** Why a client left: its deadline, when it leaves as that passes. */
export function goneFault({ deadlineMs }: Call, nowMs: number): ConnectError {
  if (deadlineMs !== undefined && nowMs >= deadlineMs - deadlineSlackMs)
    return fault("deadline_exceeded", "the caller's deadline has passed, and it went away");
  return fault("caller_gone", "the client went away");
}
