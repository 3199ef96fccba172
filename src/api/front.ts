import { createServer, type Server, type Socket } from "node:net";
import type { Server as Http1Server } from "node:http";
import type { Http2Server } from "node:http2";

/** The 24 bytes that every HTTP/2 connection begins with. */
const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** How much of an answer waits in this process for a client that reads slowly, bytes, beside what the system takes; Node's own 64 KiB may become three times as much on its way out. */
const mostUnsentBytes = 16 * 1024;

/**
 * How connections are accepted. As by Node's own HTTP servers: what has been answered when the client closes its half is still sent, and small writes go out at once.
 * A call that is running then is ended: a client that goes away sends no more than that, and its slot must be free at once.
 */
export const socketOptions = { allowHalfOpen: true, noDelay: true, highWaterMark: mostUnsentBytes };

/** What stands behind the one port. */
export interface Front {
  readonly http1: Http1Server;
  readonly http2: Http2Server;
  readonly firstByteMs: number;
  readonly maxConnections: number;
}

/** The one port: hands each connection to HTTP/1.1 or HTTP/2 by its first bytes, however they are cut. A connection that does not decide itself in time is closed. */
export function front({ http1, http2, firstByteMs, maxConnections }: Front): Server {
  // Starts Node's checker of HTTP/1.1 timeouts, which waits for this event on a server that never listens itself.
  http1.emit("listening");
  const server = createServer(socketOptions, (socket) =>
    decide(socket, firstByteMs, (isHttp2) => (isHttp2 ? http2 : http1).emit("connection", socket)),
  );
  server.maxConnections = maxConnections;
  return server;
}

function decide(socket: Socket, firstByteMs: number, hand: (isHttp2: boolean) => void): void {
  const kill = () => socket.destroy();
  // Not socket.setTimeout, whose listener would stay.
  const timer = setTimeout(kill, firstByteMs);
  let seen = Buffer.alloc(0);
  const read = () => {
    for (let bytes = socket.read() as Buffer | null; bytes !== null; bytes = socket.read() as Buffer | null)
      seen = Buffer.concat([seen, bytes]);
    const length = Math.min(seen.length, preface.length);
    const isLike = seen.subarray(0, length).equals(preface.subarray(0, length));
    if (length === 0 || (isLike && length < preface.length)) return;
    settle();
    socket.unshift(seen);
    // HTTP/2 has no use for half a connection, and would not notice that the client has gone.
    if (isLike) socket.allowHalfOpen = false;
    hand(isLike);
  };
  const settle = () => {
    clearTimeout(timer);
    socket.off("readable", read);
    socket.off("end", kill);
    socket.off("error", kill);
    socket.off("close", settle);
  };
  socket.on("readable", read);
  socket.once("end", kill);
  socket.on("error", kill);
  socket.once("close", settle);
}
