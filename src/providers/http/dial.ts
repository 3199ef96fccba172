import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { connect as connectTcp, isIP, type Socket, type TcpNetConnectOpts } from "node:net";
import type { DuplexOptions } from "node:stream";
import { connect as connectTls, type TLSSocket } from "node:tls";
import type { Clock } from "../../core/ports.ts";
import type { Way } from "./proxy.ts";

/** Connecting, TLS and proxy included, took too long. */
export class ConnectTimeout extends Error {
  override readonly name = "ConnectTimeout";
}

/** A proxy let nobody through. */
export class ProxyRefusal extends Error {
  override readonly name = "ProxyRefusal";
  readonly status: number;

  constructor(status: number) {
    super(`the proxy answered ${status}`);
    this.status = status;
  }
}

/** What connecting needs. */
export interface DialOptions {
  readonly clock: Clock;
  readonly connectMs: number;
  /** The TLS session of an earlier connection; kept up to date. */
  readonly session: { last: Buffer | undefined };
}

/** How connecting ended. */
export type Dialled = (error: Error | null, socket: Socket | null) => void;

/** What is read ahead for a reader who is slow; one read brings up to 64 KiB all the same. */
const readBytes = 16 * 1024;
const tcpKeepAliveMs = 60_000;

/** Connects a socket that is ready for HTTP/1.1: through the proxy where there is one, TLS included. The answer gives up at once; then `done` is never called. */
export function dial(way: Way, options: DialOptions, done: Dialled): () => void {
  let current: { destroy(): unknown } | undefined;
  let isDone = false;
  const finish: Dialled = (error, socket) => {
    if (isDone) return;
    isDone = true;
    cancelTimer();
    if (error !== null) current?.destroy();
    done(error, socket);
  };
  const cancelTimer = options.clock.after(options.connectMs, () => finish(new ConnectTimeout("connecting took too long"), null));
  const hold = (handle: { destroy(): unknown }) => void (current = handle);
  connect({ way, options, hold, finish });
  return () => {
    isDone = true;
    cancelTimer();
    current?.destroy();
  };
}

interface Dialling {
  readonly way: Way;
  readonly options: DialOptions;
  /** Says what must be destroyed to give up. */
  readonly hold: (handle: { destroy(): unknown }) => void;
  readonly finish: Dialled;
}

function connect(dialling: Dialling): void {
  const { origin, proxy } = dialling.way;
  if (proxy === undefined) return open(origin, dialling);
  // A proxy reads requests for http itself: the connection to it is the connection.
  if (origin.protocol === "http:") return open(proxy.origin, dialling);
  tunnel(dialling);
}

/** A connection to a host, TLS where its scheme says so. */
function open(url: URL, dialling: Dialling): void {
  if (url.protocol === "https:") return secure(url, undefined, dialling);
  const { hold, finish } = dialling;
  const to: TcpNetConnectOpts & DuplexOptions = { host: hostOf(url), port: portOf(url), noDelay: true, highWaterMark: readBytes };
  const socket = connectTcp(to);
  socket.setKeepAlive(true, tcpKeepAliveMs);
  hold(socket);
  socket.once("connect", () => finish(null, socket));
  socket.on("error", (error) => finish(error, null));
}

/** TLS to a host, inside another socket where one is given. */
function secure(url: URL, inside: Socket | undefined, { options: { session }, hold, finish }: Dialling): void {
  const host = hostOf(url);
  const socket: TLSSocket = connectTls({
    host,
    port: portOf(url),
    ...(isIP(host) === 0 && { servername: host }),
    ALPNProtocols: ["http/1.1"],
    ...(session.last !== undefined && { session: session.last }),
    ...(inside !== undefined && { socket: inside }),
  });
  socket.setNoDelay(true);
  socket.setKeepAlive(true, tcpKeepAliveMs);
  hold(socket);
  socket.on("session", (fresh: Buffer) => (session.last = fresh));
  socket.once("secureConnect", () => finish(null, socket));
  socket.on("error", (error) => finish(error, null));
}

/** A way through a proxy to an https upstream: the proxy sees its host and nothing else. */
function tunnel(dialling: Dialling): void {
  const { way, hold, finish } = dialling;
  const { origin, proxy } = way;
  if (proxy === undefined) return open(origin, dialling);
  const authority = `${origin.hostname}:${portOf(origin)}`;
  const request = proxy.origin.protocol === "https:" ? requestHttps : requestHttp;
  const asked = request({
    host: hostOf(proxy.origin),
    port: portOf(proxy.origin),
    method: "CONNECT",
    path: authority,
    headers: { host: authority, ...(proxy.authorization !== undefined && { "proxy-authorization": proxy.authorization }) },
    agent: false,
  });
  hold(asked);
  asked.once("connect", ({ statusCode = 0 }, socket: Socket) => {
    if (statusCode >= 200 && statusCode < 300) return secure(origin, socket, dialling);
    socket.destroy();
    finish(new ProxyRefusal(statusCode), null);
  });
  asked.once("response", ({ statusCode = 0 }) => finish(new ProxyRefusal(statusCode), null));
  asked.on("error", (error) => finish(error, null));
  asked.end();
}

/** An IPv6 address without its brackets. */
function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/u, "$1");
}

function portOf({ port, protocol }: URL): number {
  return port === "" ? (protocol === "https:" ? 443 : 80) : Number(port);
}
