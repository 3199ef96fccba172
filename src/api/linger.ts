import type { Duplex } from "node:stream";
import type { HttpRequest } from "./exchange.ts";

/** How long what a client still sends after its answer is read and thrown away, ms. A connection that is closed while bytes arrive is reset, and the client may lose the answer. */
const lingerMs = 1000;

/** How much is thrown away, bytes: many times what a client has under way when the answer reaches it. */
const lingerBytes = 64 * 1024 * 1024;

/** How often it is looked whether the end of an early answer has been sent, ms. */
const sentCheckMs = 5;

/** NGHTTP2_NO_ERROR. */
const noError = 0;

/** Throws away the rest of a request whose answer has been written; a client that goes on sending is stopped. */
export function discardRest(request: HttpRequest): void {
  if (isWhole(request)) return;
  let left = lingerBytes;
  const stop = () => {
    clearTimeout(timer);
    request.off("data", count);
    if ("stream" in request) resetWhenSent(request);
    else if (!isWhole(request)) request.socket.destroy();
  };
  const timer = setTimeout(stop, lingerMs);
  timer.unref();
  const count = (chunk: Uint8Array) => {
    left -= chunk.length;
    if (left < 0) stop();
  };
  request.once("end", () => clearTimeout(timer));
  request.once("close", () => clearTimeout(timer));
  request.on("data", count);
  // Whoever stopped reading may have paused it; listening alone would not undo that.
  request.resume();
}

/** Closes a connection that was ended by us, whether or not the client closes its half. */
export function closeSoon(socket: Duplex): void {
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  timer.unref();
  socket.once("close", () => clearTimeout(timer));
}

function isWhole(request: HttpRequest): boolean {
  return request.complete || ("stream" in request && (request.stream.endAfterHeaders || request.stream.closed));
}

/** Tells an HTTP/2 client that the rest of its body is not wanted, once the answer is out. No event says that trailers have been sent, and a reset before would take their place. */
function resetWhenSent(request: Extract<HttpRequest, { stream: unknown }>): void {
  if (isWhole(request)) return;
  if (request.stream.state.localClose === 1) request.stream.close(noError);
  else setTimeout(() => resetWhenSent(request), sentCheckMs).unref();
}
