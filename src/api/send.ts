import { fault } from "../core/reasons.ts";
import { abortFault } from "../core/signals.ts";
import { limitFault } from "../core/limits.ts";
import { cut, isClosed, type Doors, type Exchange } from "./exchange.ts";

/** Sends a chunk and waits while the client is slower than we are. A client that reads nothing for `stalledReaderMs` is cut off. Throws when the client is gone. */
export async function send(
  exchange: Exchange,
  chunk: string | Uint8Array,
  { clock, limits }: Pick<Doors, "clock" | "limits">,
): Promise<void> {
  const { response, call } = exchange;
  if (isClosed(exchange)) throw goneFault(exchange);
  if (response.write(chunk)) return;
  await new Promise<void>((resolve, reject) => {
    const stop = clock.after(limits.stalledReaderMs, () => {
      exchange.outcome.error = limitFault("stalledReaderMs", "the client reads nothing");
      cut(exchange);
    });
    const settle = (then: () => void) => {
      stop();
      response.off("drain", onDrain);
      response.off("close", onClose);
      call.signal.removeEventListener("abort", onAbort);
      then();
    };
    const onDrain = () => settle(resolve);
    const onClose = () => settle(() => reject(goneFault(exchange)));
    // The end of the call cannot reach a client that does not read: without this, a drain or deadline would wait for it.
    const onAbort = () => settle(() => reject(abortFault(call.signal)));
    response.on("drain", onDrain);
    response.on("close", onClose);
    call.signal.addEventListener("abort", onAbort);
  });
}

/** Sends a whole JSON body. */
export function sendJson({ request, response }: Exchange, status: number, value: unknown): void {
  sendBody({ request, response }, status, { type: "application/json", body: JSON.stringify(value) });
}

/** Sends a whole body. */
export function sendBody(
  { request, response }: Pick<Exchange, "request" | "response">,
  status: number,
  { type, body }: { readonly type: string; readonly body: string },
): void {
  const bytes = Buffer.from(body);
  response.writeHead(status, { "content-type": type, "content-length": bytes.length });
  response.end(request.method === "HEAD" ? undefined : bytes);
}

function goneFault({ outcome, call }: Exchange) {
  return outcome.error ?? (call.signal.aborted ? abortFault(call.signal) : fault("caller_gone", "the client went away"));
}
