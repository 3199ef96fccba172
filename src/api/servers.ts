import { createServer, type IncomingMessage, type Server as Http1Server, type ServerResponse } from "node:http";
import {
  createServer as createHttp2Server,
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Limits } from "../core/limits.ts";
import type { Log } from "../core/ports.ts";
import type { HttpRequest, HttpResponse } from "./exchange.ts";
import type { TakeStream } from "./grpc/door.ts";
import { floodGuard, mostHeadersRead, noteUnseen } from "./floods.ts";
import { answerUnreadable, refuseConnect, type AllowedAt } from "./raw.ts";
import { guardSession, streamWindowBytes } from "./sessions.ts";
import { inTurns } from "./turns.ts";

/** Takes each request of a server. */
export type Handler = (request: HttpRequest, response: HttpResponse) => void;

/** How often HTTP/1.1 timeouts are looked at, ms; Node's own 30 s would let a slow client have five times its limit. */
const checkIntervalMs = 1000;

/** The HTTP/1.1 server; it never listens itself. */
export function http1Server(limits: Limits, handle: Handler, allowedAt: AllowedAt): Http1Server {
  const server = createServer({
    maxHeaderSize: limits.maxHeaderBytes,
    headersTimeout: limits.headersMs,
    // Admission answers a late body in the door's own words; this closes what admission cannot reach.
    requestTimeout: limits.headersMs + limits.bodyMs + checkIntervalMs,
    keepAliveTimeout: limits.idleConnectionMs,
    connectionsCheckingInterval: Math.min(checkIntervalMs, Math.max(10, Math.ceil(limits.headersMs / 4))),
    noDelay: true,
    // Refused as everything else is, with a request id and a line in the log.
    requireHostHeader: false,
  });
  // Node would cut off what is beyond its own number, and the rest would pass; the size is limited.
  server.maxHeadersCount = 0;
  const latest = new WeakMap<Duplex, { request: HttpRequest; response: HttpResponse }>();
  const take = (request: IncomingMessage, response: ServerResponse) => {
    // A request that was answered before it was whole, and then became so.
    if (!request.socket.writable) {
      request.socket.destroy();
      return;
    }
    const last = latest.get(request.socket);
    if (last === undefined) latest.set(request.socket, { request, response: response as HttpResponse });
    else {
      last.request = request;
      last.response = response as HttpResponse;
    }
    handle(request, response as HttpResponse);
  };
  server.on("request", take);
  // Who reads the body invites it.
  server.on("checkContinue", take);
  server.on("checkExpectation", take);
  server.on("clientError", (error, socket) => {
    const last = latest.get(socket);
    // The answer of a request that is whole is followed by the next request, which is the one that failed.
    const isAnswered = last?.response.headersSent === true && !(last.response.writableEnded && last.request.complete);
    if (isAnswered) socket.destroy();
    else answerUnreadable(error, socket, allowedAt);
  });
  server.on("connect", (_request, socket: Duplex) => refuseConnect(socket));
  return server;
}

/** What is told of a stream. */
type Told = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, flags: number, rawHeaders: readonly string[]) => void;
type StreamListener = (this: Http2Server, ...told: Parameters<Told>) => void;

const ignore = () => {};

/** What the HTTP/2 server needs. */
export interface Http2Options {
  readonly limits: Limits;
  readonly log: Log;
  readonly handle: Handler;
  readonly takeStream: TakeStream;
}

/** The HTTP/2 server; it never listens itself. The numbers beside the limits are those of the recipe against resets, header floods and memory. */
export function http2Server({ limits, log, handle, takeStream }: Http2Options): Http2Server {
  const server = createHttp2Server({
    settings: {
      maxConcurrentStreams: limits.maxConcurrentStreams,
      maxHeaderListSize: limits.maxHeaderBytes,
      enablePush: false,
      initialWindowSize: streamWindowBytes,
    },
    // Node resets what is beyond it; below that our own limit answers.
    maxHeaderListPairs: mostHeadersRead(limits),
    maxSessionMemory: 10,
    // As many as may run, for their client may end them all at once; what is reset at once is our own guard's affair.
    streamResetBurst: limits.maxConcurrentStreams,
    streamResetRate: 33,
  });
  const take = (request: Http2ServerRequest, response: Http2ServerResponse) => handle(request, response as unknown as HttpResponse);
  server.on("request", take);
  // Node's own listeners make a request and a response of each stream: what takes the stream itself comes before them.
  const makers = server.listeners("stream") as StreamListener[];
  server.removeAllListeners("stream");
  const takeInTurn = inTurns<Parameters<Told>>({
    serve(stream, told) {
      const [, headers, , rawHeaders] = told;
      if (!takeStream(stream, headers, rawHeaders)) for (const make of makers) make.apply(server, told);
    },
    unseen: noteUnseen,
  });
  server.on("stream", (...told) => {
    const [stream] = told;
    const { session } = stream;
    // Reset by its client before anybody has seen it: there is nobody to serve. To open a call for it, and to log its end, would cost as much as most answers do.
    // Its error, unheard, would end the process.
    if (session === undefined || stream.destroyed || stream.closed) stream.on("error", ignore);
    else takeInTurn(session, stream, told);
  });
  server.on("checkContinue", take);
  server.on("checkExpectation", take);
  server.on("connect" as "request", take);
  const floods = floodGuard(limits, log);
  const [accept, ...others] = server.listeners("connection") as ((this: Http2Server, connection: Socket) => void)[];
  if (accept === undefined || others.length > 0) throw new TypeError("node:http2 accepts connections in another way than is known here");
  server.removeAllListeners("connection");
  let socket: Socket;
  server.on("connection", (connection: Socket) =>
    floods.admit(connection, () => {
      // A session is made of a connection in the same turn; what it says is its socket is a proxy, which counts no bytes fast.
      socket = connection;
      accept.call(server, connection);
    }),
  );
  server.on("session", (session) => floods.watch(guardSession(session, socket, limits)));
  // Told to the session's own streams already; unheard, it would end the process.
  server.on("sessionError", (_error, session) => session?.destroy());
  return server;
}
