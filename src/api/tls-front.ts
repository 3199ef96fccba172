import type { Socket } from "node:net";
import { createSecureContext, createServer, type SecureContextOptions, type Server, type TLSSocket } from "node:tls";
import type { Log } from "../core/ports.ts";
import type { Front } from "./front.ts";

/** What TLS shows and goes by, in PEM. */
export interface Credentials {
  readonly key: string;
  /** Of the service, with those that lead to its authority. */
  readonly certificate: string;
  /** Whoever signs clients' certificates. */
  readonly clientAuthority?: string | undefined;
}

/** What TLS needs. */
export interface TlsSettings extends Credentials {
  /** Whether clients need a certificate of that authority; where it is optional, one that is shown must be good. Default: required where an authority is named. */
  readonly clientCertificates?: "none" | "optional" | "required" | undefined;
}

/** The one port with TLS. */
export interface TlsFront {
  readonly server: Server;
  /** From the next connection on shows and goes by these. Throws where they cannot be used, and changes nothing then. */
  renew(credentials: Credentials): void;
}

/**
 * The one port with TLS: both sides agree on HTTP/1.1 or HTTP/2 before the first byte. A client that names neither is taken to speak HTTP/1.1.
 * A TLS server of our own before the same two servers that the port without TLS has, instead of Node's for HTTP/2 with HTTP/1.1 beside it: one set of limits, listeners and doors holds for both.
 */
export function tlsFront({ http1, http2, firstByteMs, maxConnections }: Front, settings: TlsSettings, log: Log): TlsFront {
  // As in the front without TLS.
  http1.emit("listening");
  const { clientAuthority, clientCertificates = clientAuthority === undefined ? "none" : "required" } = settings;
  const server = createServer({
    ...contextOf(settings),
    requestCert: clientCertificates !== "none",
    rejectUnauthorized: clientCertificates === "required",
    ALPNProtocols: ["h2", "http/1.1"],
    handshakeTimeout: firstByteMs,
    allowHalfOpen: true,
    noDelay: true,
  });
  server.on("secureConnection", (socket: TLSSocket) => {
    // One of a stranger is worse than none, though the handshake lets both in.
    if (clientCertificates === "optional" && !socket.authorized && socket.getPeerX509Certificate() !== undefined) {
      log.debug("client certificate refused", { problem: String(socket.authorizationError) });
      socket.destroy();
      return;
    }
    const isHttp2 = socket.alpnProtocol === "h2";
    if (isHttp2) socket.allowHalfOpen = false;
    (isHttp2 ? http2 : http1).emit("connection", socket);
  });
  // A handshake that fails is the client's affair; nothing was asked yet.
  server.on("tlsClientError", ({ code, message }: NodeJS.ErrnoException, socket: Socket) => {
    log.debug("handshake failed", { problem: code ?? message });
    socket.destroy();
  });
  server.maxConnections = maxConnections;
  return {
    server,
    renew(credentials) {
      const context = contextOf(credentials);
      // Throws before the server has taken anything of it.
      createSecureContext(context);
      server.setSecureContext(context);
    },
  };
}

/** What a handshake goes by. Throws a TypeError for an empty key, which Node takes for none: every handshake would fail. TLS 1.0 and 1.1 are broken, whatever Node's own flags say. */
function contextOf({ key, certificate, clientAuthority }: Credentials): SecureContextOptions {
  if (key === "") throw new TypeError("TLS needs a key, and this one is empty");
  return { key, cert: certificate, minVersion: "TLSv1.2", ...(clientAuthority !== undefined && { ca: clientAuthority }) };
}
