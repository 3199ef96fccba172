import type { ServerHttp2Session } from "node:http2";
import type { Duplex } from "node:stream";
import type { Limits } from "../core/limits.ts";
import { closeSoon } from "./linger.ts";

type FloodLimits = Pick<Limits, "maxControlFrames" | "maxControlBytes" | "maxBodyBytes" | "maxHeaderBytes" | "headersMs">;

/** A connection whose bytes are counted. */
export type Counted = Duplex & { readonly bytesRead: number; readonly bytesWritten: number };

/** How often connections are looked at, ms; the limits are of so long a time. */
const lookMs = 100;

/** NGHTTP2_ENHANCE_YOUR_CALM. */
const calmCode = 11;
/** NGHTTP2_NO_ERROR. */
const noError = 0;

/** The requests of a connection, as whoever hears of them counts. */
export interface Requests {
  /** That run. */
  running: number;
  /** That have come since somebody set it to 0. */
  opened: number;
  /** Bytes of their bodies that were read since somebody set it to 0, of those that may send many messages. */
  taken: number;
}

const requestsOf = new WeakMap<object, Requests>();

/** Notes bytes of a body as asked for: a stream of many messages has no limit of its own. */
export function noteTaken(session: object | undefined, bytes: number): void {
  const requests = session && requestsOf.get(session);
  if (requests !== undefined) requests.taken += bytes;
}

/** A connection of HTTP/2. */
export interface Connection {
  readonly session: ServerHttp2Session;
  readonly socket: Counted;
  readonly requests: Requests;
}

/** Looks after connections of HTTP/2. */
export interface FloodGuard {
  watch(connection: Connection): void;
}

/**
 * Closes connections of HTTP/2 that make work without asking for anything: PINGs, SETTINGS, window updates, headers that are refused before they are a
 * request, or one frame that never ends. Node tells of the first two alone, so the rest is seen by its bytes: what no request and no answer explains.
 */
export function floodGuard(limits: FloodLimits): FloodGuard {
  const watched = new Set<Watched>();
  let timer: NodeJS.Timeout | undefined;
  const look = () => {
    const nowMs = performance.now();
    for (const each of watched) each.look(nowMs);
  };
  return {
    watch(connection) {
      const each = new Watched(connection, limits);
      requestsOf.set(connection.session, connection.requests);
      watched.add(each);
      // One for all: ten thousand connections are looked at in less than a ms.
      timer ??= setInterval(look, lookMs).unref();
      connection.session.once("close", () => {
        watched.delete(each);
        if (watched.size > 0) return;
        clearInterval(timer);
        timer = undefined;
      });
    },
  };
}

class Watched {
  readonly #connection: Connection;
  readonly #limits: FloodLimits;
  /** PINGs and SETTINGS since the last look. */
  #controls = 0;
  /** Bytes that running requests may still bring. */
  #credit = 0;
  #isClosing = false;
  #read = 0;
  #written = 0;
  /** Since when bytes come that lead to nothing, while nothing runs, and when they came last; undefined: they do not. */
  #drip: { readonly sinceMs: number; lastMs: number } | undefined;

  constructor(connection: Connection, limits: FloodLimits) {
    const { session } = connection;
    this.#connection = connection;
    this.#limits = limits;
    const control = () => {
      this.#drip = undefined;
      if (++this.#controls === limits.maxControlFrames) this.#close(calmCode);
    };
    session.on("ping", control);
    session.on("remoteSettings", control);
  }

  look(nowMs: number): void {
    const { socket, requests } = this.#connection;
    const { bytesRead, bytesWritten } = socket;
    const read = bytesRead - this.#read;
    if (read === 0 || this.#isClosing) return;
    const isBusy = requests.running > 0 || requests.opened > 0;
    const { maxBodyBytes, maxHeaderBytes, maxControlBytes } = this.#limits;
    this.#credit = isBusy ? this.#credit + requests.taken + requests.opened * (maxBodyBytes + maxHeaderBytes) : 0;
    // As many bytes as were written may be window updates.
    const unexplained = read - (bytesWritten - this.#written);
    if (unexplained > maxControlBytes + this.#credit) return this.#close(calmCode);
    this.#credit -= Math.min(this.#credit, Math.max(0, unexplained));
    if (isBusy || this.#controls > 0) this.#drip = undefined;
    else this.#lookAtDrip(nowMs);
    this.#read = bytesRead;
    this.#written = bytesWritten;
    this.#controls = 0;
    requests.opened = 0;
    requests.taken = 0;
  }

  /** A client's last window updates come once; headers that never end go on and on. */
  #lookAtDrip(nowMs: number): void {
    const { headersMs } = this.#limits;
    if (this.#drip === undefined || nowMs - this.#drip.lastMs > headersMs) this.#drip = { sinceMs: nowMs, lastMs: nowMs };
    this.#drip.lastMs = nowMs;
    if (nowMs - this.#drip.sinceMs < headersMs) return;
    this.#close(noError);
  }

  #close(code: number): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    if (code === noError) this.#connection.session.close();
    else this.#connection.session.destroy(undefined, code);
    // The client may read nothing, and then never learns of its end.
    closeSoon(this.#connection.socket);
  }
}
