import type { Socket } from "node:net";
import type { ServerHttp2Session } from "node:http2";
import { systemClock } from "../core/clock.ts";
import type { Limits } from "../core/limits.ts";
import type { Clock, Log, Service } from "../core/ports.ts";
import type { OpenAIDialectOptions } from "../core/openai-dialect.ts";
import { bindAll } from "./bind.ts";
import { handlersOf, type DoorOptions } from "./doors.ts";
import { drain as makeDrain, type Drain } from "./drain.ts";
import { front } from "./front.ts";
import { http1Server, http2Server } from "./servers.ts";
import { tlsFront, type Credentials, type TlsFront, type TlsSettings } from "./tls-front.ts";

/** What is served, and where. What is left out is as in a service that is open: no keys, no CORS, reflection on, no `/metrics`. */
export interface ListenOptions extends Partial<DoorOptions> {
  readonly service: Service;
  readonly limits: Limits;
  readonly log: Log;
  /** Default: the machine's. */
  readonly clock?: Clock;
  /** Address to bind, such as `127.0.0.1`. */
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  /** Further ports on which the same answers. Default: none. */
  readonly morePorts?: readonly number[];
  /** Default: without TLS. */
  readonly tls?: TlsSettings | undefined;
  /** Default: as most servers of that format do. */
  readonly openai?: OpenAIDialectOptions | undefined;
  /** Names that requests may ask for beside those of loopback, `*` for any; an empty list stands for any where other machines reach the port. Default: any. */
  readonly hosts?: readonly string[] | undefined;
}

/** A port that serves. */
export interface Listener {
  readonly host: string;
  /** The real one. */
  readonly port: number;
  /** Where clients on this machine find it. */
  readonly urls: readonly string[];
  /** From the next connection on shows another certificate. Throws where it cannot be used, or where there is no TLS. */
  renewTls(credentials: Credentials): void;
  /** Takes no new calls, lets the running ones end within `drainMs`, then ends them; resolves when everything is closed. */
  drain(): Promise<void>;
  /** Ends all calls and closes everything at once. */
  close(): Promise<void>;
}

/** How long the answers of calls that a drain has ended may take to be sent, ms. */
const lastWordsMs = 1000;

/** Opens the one port for every door. Throws `invalid_request` when it cannot be bound. */
export async function listen(options: ListenOptions): Promise<Listener> {
  const { service, limits, log, clock = systemClock } = options;
  const drain = makeDrain();
  const { handle, allowedAt, take } = handlersOf({ service, limits, log, clock, drain, openai: options.openai }, doorOptions(options));
  const http1 = http1Server(limits, handle, allowedAt);
  const http2 = http2Server({ limits, log, handle, takeStream: take });
  const { firstByteMs, maxConnections } = limits;
  const behind = { http1, http2, firstByteMs, maxConnections };
  const { tls } = options;
  const secure = tls === undefined ? undefined : tlsFront(behind, tls, log);
  const server = secure?.server ?? front(behind);
  const sockets = tracked<Socket>(server, "connection");
  const sessions = tracked<ServerHttp2Session>(http2, "session");
  const bound = await bindAll(server, options, log);

  const close = async () => {
    drain.begin();
    drain.endCalls();
    for (const session of sessions) session.destroy();
    for (const socket of sockets) socket.destroy();
    http1.close(() => {});
    http2.close(() => {});
    await bound.close();
    // Whoever closes the service next may rely on no call being left in it.
    await within(lastWordsMs, clock, drain.idle());
  };
  return {
    host: bound.address,
    port: bound.port,
    renewTls: (credentials) => renew(secure, credentials),
    urls: [`${tls === undefined ? "http" : "https"}://${reachable(bound.address)}:${bound.port}`],
    close,
    async drain() {
      drain.begin();
      void bound.close();
      for (const session of sessions) session.close();
      http1.closeIdleConnections();
      await endCalls(drain, limits.drainMs, clock);
      // What is sent is sent: let the last frames reach the clients before the connections go.
      await within(
        lastWordsMs,
        clock,
        Promise.all([...sessions].map((session) => new Promise((resolve) => session.once("close", resolve)))),
      );
      await close();
    },
  };
}

function renew(secure: TlsFront | undefined, credentials: Credentials): void {
  if (secure === undefined) throw new TypeError("the port is without TLS");
  secure.renew(credentials);
}

function doorOptions(options: ListenOptions): DoorOptions {
  return {
    keys: options.keys,
    isOpen: options.isOpen,
    areMetricsOpen: options.areMetricsOpen,
    areProbesAlone: options.areProbesAlone ?? false,
    corsOrigins: options.corsOrigins ?? [],
    reflection: options.reflection ?? true,
    refused: options.refused ?? (() => {}),
    metricsText: options.metricsText,
    routes: options.routes,
    interceptors: options.interceptors ?? [],
    errorDetails: options.errorDetails ?? true,
    host: options.host,
    hosts: options.hosts,
    isSecure: options.tls !== undefined,
  };
}

/** An address as a client on this machine writes it; one that stands for all of them is reached through loopback. */
function reachable(address: string): string {
  if (address === "0.0.0.0") return "127.0.0.1";
  if (address === "::") return "[::1]";
  return address.includes(":") ? `[${address}]` : address;
}

async function endCalls(drain: Drain, drainMs: number, clock: Clock): Promise<void> {
  if (await within(drainMs, clock, drain.idle())) return;
  drain.endCalls();
  await within(lastWordsMs, clock, drain.idle());
}

/** Waits for a promise, but no longer than `ms`; answers whether it was in time. */
function within(ms: number, clock: Clock, promise: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve) => {
    const cancel = clock.after(ms, () => resolve(false));
    void promise.then(() => {
      cancel();
      resolve(true);
    });
  });
}

/** What a server has open now. */
function tracked<Connection extends { once(event: "close", listener: () => void): unknown }>(
  server: { on(event: string, listener: (connection: Connection) => void): unknown },
  event: string,
): ReadonlySet<Connection> {
  const open = new Set<Connection>();
  server.on(event, (connection) => {
    open.add(connection);
    connection.once("close", () => open.delete(connection));
  });
  return open;
}
