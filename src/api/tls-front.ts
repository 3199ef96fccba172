import type { Socket } from "node:net";
import { createServer, type Server, type TLSSocket } from "node:tls";
import type { Front } from "./front.ts";

/** What TLS needs, in PEM. */
export interface TlsSettings {
  readonly key: string;
  /** Of the service, with those that lead to its authority. */
  readonly certificate: string;
  /** Whoever signs clients' certificates: a client that shows none, or one of another authority, is cut off. Undefined: none is asked for. */
  readonly clientAuthority?: string | undefined;
}

/** The one port with TLS: both sides agree on HTTP/1.1 or HTTP/2 before the first byte. A client that names neither is taken to speak HTTP/1.1. */
export function tlsFront({ http1, http2, firstByteMs, maxConnections }: Front, settings: TlsSettings): Server {
  // As in the front without TLS.
  http1.emit("listening");
  const { key, certificate, clientAuthority } = settings;
  const server = createServer({
    key,
    cert: certificate,
    ...(clientAuthority === undefined ? {} : { ca: clientAuthority, requestCert: true, rejectUnauthorized: true }),
    ALPNProtocols: ["h2", "http/1.1"],
    handshakeTimeout: firstByteMs,
    allowHalfOpen: true,
    noDelay: true,
  });
  server.on("secureConnection", (socket: TLSSocket) => {
    const isHttp2 = socket.alpnProtocol === "h2";
    if (isHttp2) socket.allowHalfOpen = false;
    (isHttp2 ? http2 : http1).emit("connection", socket);
  });
  // A handshake that fails is the client's affair; nothing was asked yet.
  server.on("tlsClientError", (_error, socket: Socket) => socket.destroy());
  server.maxConnections = maxConnections;
  return server;
}
