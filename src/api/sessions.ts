import type { ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import { Duplex } from "node:stream";
import type { Limits } from "../core/limits.ts";
import type { Connection, Counted, Requests } from "./floods.ts";
import { keepStreamsInArrays } from "./session-tables.ts";
import { closeSoon } from "./linger.ts";

type SessionLimits = Pick<Limits, "firstByteMs" | "idleConnectionMs" | "maxConnectionAgeMs" | "connectionPingMs">;

/** By how much the age of one connection may differ from the limit, so that connections which were opened together do not all come back together. */
const ageJitter = 0.1;

/** What a client may send of a body before it hears from us. */
export const streamWindowBytes = 65_535;

/** More than any stream's number: a GOAWAY with it announces the end, and refuses nothing yet. */
const noStreamIsLast = 2 ** 31 - 1;

/** Closes a connection of HTTP/2 that says nothing, on which nothing runs, that is too old, or whose client is not there any more. Its client's own PINGs do not count as work. Answers with what others may know of it. */
export function guardSession(session: ServerHttp2Session, socket: Counted, limits: SessionLimits): Connection {
  keepStreamsInArrays(session);
  const requests: Requests = { running: 0, opened: 0, ended: 0, taken: 0 };
  const silent = setTimeout(() => session.destroy(), limits.firstByteMs);
  // Not session.setTimeout: Node leaves that timer behind when the client closes the connection, and with it the session, 3 kB, for the whole time.
  const idle = setTimeout(() => {
    if (requests.running > 0) return;
    session.close();
    // A client that reads nothing, or is amid a frame, never learns of it.
    closeSoon(socket);
  }, limits.idleConnectionMs);
  let isRetired = false;
  const old = setTimeout(
    () => {
      isRetired = true;
      retire(session, requests);
    },
    limits.maxConnectionAgeMs * (1 + ageJitter * (2 * Math.random() - 1)),
  );
  const stopPings = pingWhile(() => requests.running > 0, session, limits.connectionPingMs);
  idle.unref();
  old.unref();
  session.once("remoteSettings", () => clearTimeout(silent));
  session.once("close", () => {
    clearTimeout(silent);
    clearTimeout(idle);
    clearTimeout(old);
    stopPings();
  });
  session.on("stream", (stream) => {
    requests.running += 1;
    requests.opened += 1;
    countBody(stream, requests);
    stream.once("close", () => {
      requests.running -= 1;
      requests.ended += 1;
      // Its client may have sent as much before it heard of that.
      if (!stream.endAfterHeaders && !stream.readableEnded) requests.taken += streamWindowBytes;
      if (requests.running > 0 || session.closed) return;
      // From here on it would hear nothing more, not even what it waits for.
      if (isRetired) session.close();
      else idle.refresh();
    });
  });
  return { session, socket, requests };
}

/** A stream that knows where its body is counted. */
type CountedStream = ServerHttp2Stream & { [counts]?: Requests };
const counts = Symbol("counts");

/** Counts what comes of a body, whoever reads it: to listen would make it flow. One function for all streams, for they are many. */
function countBody(stream: CountedStream, requests: Requests): void {
  if (stream.endAfterHeaders) return;
  stream[counts] = requests;
  stream.push = countedPush;
}

function countedPush(this: CountedStream, chunk: Uint8Array | null, encoding?: BufferEncoding): boolean {
  const requests = this[counts];
  if (chunk !== null && requests !== undefined) requests.taken += chunk.length;
  return Duplex.prototype.push.call(this, chunk, encoding);
}

/** How long a client may take to hear that it is to go elsewhere, ms. */
const retireMs = 1000;

/**
 * Has a client go elsewhere with its next calls: those that run end by themselves. Told first, and closed when the client has surely heard it:
 * a stream that it opens meanwhile is still served, where a bare close would refuse it. Where nothing runs it is closed at once, for after a GOAWAY nghttp2 reads on for running streams alone.
 */
function retire(session: ServerHttp2Session, { running }: Requests): void {
  if (session.closed || session.destroyed) return;
  if (running === 0) return session.close();
  session.goaway(0, noStreamIsLast);
  const close = () => session.close();
  const timer = setTimeout(close, retireMs);
  timer.unref();
  session.once("close", () => clearTimeout(timer));
  if (!session.ping(close)) close();
}

/** Asks now and then whether a client is there; one that does not answer until the next time is cut off, and its calls end. A machine that vanished closes no connection. */
function pingWhile(isBusy: () => boolean, session: ServerHttp2Session, everyMs: number): () => void {
  let isAsked = false;
  const timer = setInterval(() => {
    if (isAsked) return session.destroy();
    if (!isBusy()) return;
    isAsked = session.ping(() => void (isAsked = false));
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}
