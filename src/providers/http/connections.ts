import { Client, type Dispatcher } from "undici";
import type { Clock } from "../../core/ports.ts";
import { dial, type DialOptions } from "./dial.ts";
import type { Way } from "./proxy.ts";

/** One connection that carries one request at a time; its socket is opened by its first request, and again by the first after it was closed. */
export interface Connection {
  /** Sends a request. */
  dispatch(message: Message, handler: Dispatcher.DispatchHandler): void;
  /** Gives it back for the next request: the answer has been read to its end. */
  release(): void;
  /** Closes its socket at once, while it connects too. */
  destroy(): void;
}

/** A request as it is sent. */
export interface Message {
  readonly method: "GET" | "POST";
  /** With the base URL's. */
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string | undefined;
}

/** The connections to one upstream. */
export interface Connections {
  /** One that is idle, the one used last where there are several; else a new one. How many there are is bounded by who calls: the layer of concurrency. */
  take(): Connection;
  /** Closes all. */
  close(): Promise<void>;
}

/** What connections need. */
export interface ConnectionsOptions {
  readonly way: Way;
  readonly clock: Clock;
  readonly connectMs: number;
  readonly maxHeaderBytes: number;
}

/**
 * How long an idle socket is kept where the upstream does not say: servers that do not say close after 5 s (Node, uvicorn) or later,
 * and a request that meets a closing socket is lost.
 */
const idleSocketMs = 4000;

/**
 * One undici Client a connection, with a list of idle ones of our own instead of undici's Pool: a call that is given up while it connects takes its socket with it,
 * and finding a free connection does not take longer the more are busy.
 */
export function connections(options: ConnectionsOptions): Connections {
  const pool: Pool = { ...options, forwarding: forwardingOf(options.way), session: { last: undefined }, all: new Set(), idle: [] };
  return {
    take: () => pool.idle.pop() ?? new PooledConnection(pool),
    async close() {
      await Promise.all([...pool.all].map((connection) => connection.drop()));
    },
  };
}

interface Pool extends ConnectionsOptions {
  readonly forwarding: Forwarding | undefined;
  readonly session: DialOptions["session"];
  readonly all: Set<PooledConnection>;
  readonly idle: PooledConnection[];
}

/** What a proxy reads that is given requests for http: they name their host whole. */
interface Forwarding {
  readonly to: URL;
  readonly prefix: string;
  readonly headers: Readonly<Record<string, string>>;
}

function forwardingOf({ origin, proxy }: Way): Forwarding | undefined {
  if (proxy === undefined || origin.protocol !== "http:") return undefined;
  const key = proxy.authorization === undefined ? {} : { "proxy-authorization": proxy.authorization };
  return { to: proxy.origin, prefix: origin.origin, headers: { host: origin.host, ...key } };
}

class PooledConnection implements Connection {
  readonly #pool: Pool;
  readonly #client: Client;
  #cancelDial: (() => void) | undefined;

  constructor(pool: Pool) {
    this.#pool = pool;
    this.#client = new Client(pool.forwarding?.to ?? pool.way.origin, {
      connect: (_, callback) => {
        this.#cancelDial = dial(pool.way, pool, (error, socket) => {
          this.#cancelDial = undefined;
          if (socket === null) callback(error ?? new Error("no socket"), null);
          else callback(null, socket);
        });
      },
      pipelining: 1,
      headersTimeout: 0, // the target's layers time what matters: content
      bodyTimeout: 0,
      keepAliveTimeout: idleSocketMs,
      maxHeaderSize: pool.maxHeaderBytes,
      allowH2: false,
    });
    pool.all.add(this);
    this.#client.on("disconnect", () => {
      if (pool.idle.includes(this)) void this.drop();
    });
  }

  dispatch({ method, path, headers, body = "" }: Message, handler: Dispatcher.DispatchHandler): void {
    const { forwarding } = this.#pool;
    const message =
      forwarding === undefined ? { path, headers } : { path: forwarding.prefix + path, headers: { ...headers, ...forwarding.headers } };
    this.#client.dispatch({ ...message, method, body, idempotent: false }, handler);
  }

  release(): void {
    if (!this.#client.destroyed) this.#pool.idle.push(this);
  }

  destroy(): void {
    void this.drop();
  }

  drop(): Promise<void> {
    const { all, idle } = this.#pool;
    all.delete(this);
    const index = idle.indexOf(this);
    if (index >= 0) idle.splice(index, 1);
    this.#cancelDial?.();
    return this.#client.destroy();
  }
}
