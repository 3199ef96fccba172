import type { ServerHttp2Stream } from "node:http2";
import type { Duplex, Readable } from "node:stream";
import type { Doors, Exchange, HttpRequest } from "./exchange.ts";

/** How long what a client still sends after its answer is read and thrown away, ms. A connection that is closed while bytes arrive is reset, and the client may lose the answer. */
const lingerMs = 1000;

/** How much is thrown away, bytes: many times what a client has under way when the answer reaches it. */
const lingerBytes = 64 * 1024 * 1024;

/** How often it is looked whether the end of an early answer has been sent, ms. */
const sentCheckMs = 5;

/** NGHTTP2_NO_ERROR. */
const noError = 0;

/** A request whose answer has been written, and what may still come of it. */
interface Rest {
  readonly source: Pick<Readable, "on" | "once" | "off" | "resume">;
  /** Tells a client that goes on sending to stop. */
  readonly stop: () => void;
}

/**
 * Before an answer that comes early: hears to its end, for a while, what a client uploads. One that said how much it would send may stop at the headers of the answer;
 * over HTTP/2 a body shorter than its content-length is a breach of the protocol, for which the stream is reset, answer and all.
 */
export function wholeUpload(
  { request, call }: Pick<Exchange, "request" | "call">,
  { clock }: Pick<Doors, "clock">,
): Promise<void> | undefined {
  if (!("stream" in request) || request.headers["content-length"] === undefined || isWhole(request)) return undefined;
  return new Promise((resolve) => {
    const done = () => {
      stop();
      request.off("end", done).off("close", done);
      call.signal.removeEventListener("abort", done);
      resolve();
    };
    const stop = clock.after(lingerMs, done);
    request.on("end", done).on("close", done);
    call.signal.addEventListener("abort", done);
  });
}

/** Throws away the rest of a request whose answer has been written; a client that goes on sending is stopped. */
export function discardRest(request: HttpRequest): void {
  if (isWhole(request)) return;
  const stop = () => {
    if ("stream" in request) resetWhenSent(request.stream);
    else if (!isWhole(request)) request.socket.destroy();
  };
  discard({ source: request, stop });
}

/** The same for a stream of HTTP/2 that no request was made of. */
export function discardRestOf(stream: ServerHttp2Stream): void {
  if (!isRead(stream)) discard({ source: stream, stop: () => resetWhenSent(stream) });
}

function discard({ source, stop }: Rest): void {
  let left = lingerBytes;
  const end = () => {
    clearTimeout(timer);
    source.off("data", count);
    stop();
  };
  const timer = setTimeout(end, lingerMs);
  timer.unref();
  const count = (chunk: Uint8Array) => {
    left -= chunk.length;
    if (left < 0) end();
  };
  source.once("end", () => clearTimeout(timer));
  source.once("close", () => clearTimeout(timer));
  source.on("data", count);
  // Whoever stopped reading may have paused it; listening alone would not undo that.
  source.resume();
}

/** Closes a connection that was ended by us, whether or not the client closes its half. */
export function closeSoon(socket: Duplex): void {
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  timer.unref();
  socket.once("close", () => clearTimeout(timer));
}

function isWhole(request: HttpRequest): boolean {
  return request.complete || ("stream" in request && isRead(request.stream));
}

function isRead(stream: ServerHttp2Stream): boolean {
  return stream.endAfterHeaders || stream.readableEnded || stream.closed;
}

/** Tells an HTTP/2 client that the rest of its body is not wanted, once the answer is out. No event says that trailers have been sent, and a reset before would take their place. */
function resetWhenSent(stream: ServerHttp2Stream): void {
  if (isRead(stream)) return;
  if (stream.state.localClose === 1) stream.close(noError);
  else setTimeout(() => resetWhenSent(stream), sentCheckMs).unref();
}
