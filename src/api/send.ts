import type { EventEmitter } from "node:events";
import { fault } from "../core/reasons.ts";
import { abortFault } from "../core/signals.ts";
import { limitFault } from "../core/limits.ts";
import { cut, isClosed, type Admitted, type Doors, type Exchange } from "./exchange.ts";

/** Sends a chunk and waits while the client is slower than we are. A client that reads nothing for `stalledReaderMs` is cut off. Throws when the client is gone. */
export async function send(exchange: Exchange, chunk: string | Uint8Array, options: Pick<Doors, "clock" | "limits">): Promise<void> {
  const { response, call, outcome } = exchange;
  if (isClosed(exchange)) throw goneFault(exchange);
  if (response.write(chunk)) return;
  await drained({ writable: response, call, outcome, cut: () => cut(exchange) }, options);
}

/** An answer that its client is slow to read. */
export interface Slow extends Pick<Admitted, "call" | "outcome"> {
  readonly writable: Pick<EventEmitter, "on" | "off">;
  readonly cut: () => void;
}

/** Waits until a client has read what there is. One that reads nothing for `stalledReaderMs` is cut off. Throws when it is gone, or the call has ended. */
export function drained(slow: Slow, { clock, limits }: Pick<Doors, "clock" | "limits">): Promise<void> {
  const { writable, call, outcome } = slow;
  return new Promise<void>((resolve, reject) => {
    const stop = clock.after(limits.stalledReaderMs, () => {
      outcome.error = limitFault("stalledReaderMs", "the client reads nothing");
      slow.cut();
    });
    const settle = (then: () => void) => {
      stop();
      writable.off("drain", onDrain);
      writable.off("close", onClose);
      call.signal.removeEventListener("abort", onAbort);
      then();
    };
    const onDrain = () => settle(resolve);
    const onClose = () => settle(() => reject(goneFault(slow)));
    // The end of the call cannot reach a client that does not read: without this, a drain or deadline would wait for it.
    const onAbort = () => settle(() => reject(abortFault(call.signal)));
    writable.on("drain", onDrain);
    writable.on("close", onClose);
    call.signal.addEventListener("abort", onAbort);
  });
}

/**
 * What reads say of caches, whatever is asked and however it ends: keep nothing. What models there are, what state they and the upstreams are in, and whether they are healthy
 * changes with every load and every failure, and differs by key; making it anew costs less than asking whether it has changed.
 */
export const notKept = "no-store";

/** Sends a whole JSON body. Headers that the answer has of its own are set on the response before. */
export function sendJson({ request, response }: Exchange, status: number, value: unknown): void {
  sendBody({ request, response }, status, { type: "application/json", body: JSON.stringify(value) });
}

/** Sends a whole body. */
export function sendBody(
  { request, response }: Pick<Exchange, "request" | "response">,
  status: number,
  { type, body }: { readonly type: string; readonly body: string },
): void {
  response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(body) });
  // As text, which Node sends in one piece with the headers.
  response.end(request.method === "HEAD" ? undefined : body);
}

function goneFault({ outcome, call }: Pick<Admitted, "call" | "outcome">) {
  return outcome.error ?? (call.signal.aborted ? abortFault(call.signal) : fault("caller_gone", "the client went away"));
}
