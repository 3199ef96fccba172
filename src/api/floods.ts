import type { ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Limits } from "../core/limits.ts";
import type { Log } from "../core/ports.ts";
import { flooders, type Flooders } from "./flooders.ts";
import { closeSoon } from "./linger.ts";

type FloodLimits = Pick<
  Limits,
  "maxControlFrames" | "maxControlBytes" | "maxUnseenResets" | "maxHeaders" | "maxHeaderBytes" | "headersMs" | "floodPauseMs"
>;

/** A connection whose bytes are counted. */
export type Counted = Duplex & Pick<Socket, "bytesRead" | "bytesWritten" | "remoteAddress">;

/** How often connections are looked at, ms; the limits are of so long a time. */
const lookMs = 100;

/** And when new ones are, ms after one another: whoever comes to flood does so at once, and 100 ms of it would hold everybody up. */
const earlyLooksMs = [1, 1, 2, 4, 8, 16, 32];

/** How often a flood is told of, ms. */
const toldEveryMs = 1000;

/** NGHTTP2_ENHANCE_YOUR_CALM. */
const calmCode = 11;
/** NGHTTP2_NO_ERROR. */
const noError = 0;

/** How many headers more than twice the limit are read, to be answered. */
const spareHeaders = 64;

/** How many headers of one request Node reads; it resets a stream that sends more, once for each of them, and goes on decompressing. */
export function mostHeadersRead({ maxHeaders }: Pick<Limits, "maxHeaders">): number {
  return 2 * maxHeaders + spareHeaders;
}

/** The requests of a connection, as whoever hears of them counts. */
export interface Requests {
  /** That run. */
  running: number;
  /** That have come since somebody set it to 0. */
  opened: number;
  /** That have ended since somebody set it to 0. */
  ended: number;
  /** Bytes of their bodies that have come since somebody set it to 0. */
  taken: number;
}

const watchedSessions = new WeakMap<object, Watched>();

/** Notes a request that its client has reset before anybody had seen it. */
export function noteUnseen(session: object): void {
  watchedSessions.get(session)?.unseen();
}

/** NGHTTP2_ERR_FLOODED: so many answers to PINGs or SETTINGS wait at once that nghttp2 has closed the connection itself. */
const floodedErrno = -904;

/** A connection of HTTP/2. */
export interface Connection {
  readonly session: ServerHttp2Session;
  readonly socket: Counted;
  readonly requests: Requests;
}

/** Looks after connections of HTTP/2. */
export interface FloodGuard extends Pick<Flooders, "admit"> {
  watch(connection: Connection): void;
}

/**
 * Closes connections of HTTP/2 that make work without asking for anything: PINGs, SETTINGS, window updates, requests that are reset at once or whose headers are
 * a bomb, headers that are refused before they are a request, or one frame that never ends. Where Node tells of nothing, it is seen by its bytes: what no request and no answer explains.
 */
export function floodGuard(limits: FloodLimits, log: Log): FloodGuard {
  const watched = new Set<Watched>();
  const known = flooders(limits);
  let toldMs = -Infinity;
  const onFlood = (remoteAddress: string | undefined) => {
    if (remoteAddress !== undefined) known.note(remoteAddress);
    // An attacker makes many, and each line would be work that it asks for.
    if (performance.now() - toldMs < toldEveryMs) return;
    toldMs = performance.now();
    log.warn("an HTTP/2 connection was closed as a flood", { remoteAddress });
  };
  let timer: NodeJS.Timeout | undefined;
  const look = () => {
    const nowMs = performance.now();
    for (const each of watched) each.look(nowMs);
  };
  return {
    admit: (connection, accept) => known.admit(connection, accept),
    watch(connection) {
      const { remoteAddress } = connection.socket;
      const each = new Watched(connection, limits, () => onFlood(remoteAddress));
      watchedSessions.set(connection.session, each);
      watched.add(each);
      // One for all: ten thousand connections are looked at in less than a ms.
      timer ??= setInterval(look, lookMs).unref();
      const stopEarly = lookEarly(each);
      connection.session.once("error", ({ errno }: NodeJS.ErrnoException) => {
        if (errno === floodedErrno) onFlood(remoteAddress);
      });
      connection.session.once("close", () => {
        stopEarly();
        each.closed();
        watched.delete(each);
        if (watched.size > 0) return;
        clearInterval(timer);
        timer = undefined;
      });
    },
  };
}

function lookEarly(each: Watched): () => void {
  let timer: NodeJS.Timeout | undefined;
  const next = (index: number) => {
    const ms = earlyLooksMs[index];
    if (ms === undefined) return;
    timer = setTimeout(() => {
      each.lookEarly();
      next(index + 1);
    }, ms).unref();
  };
  next(0);
  return () => clearTimeout(timer);
}

class Watched {
  readonly #connection: Connection;
  readonly #limits: FloodLimits;
  readonly #onFlood: () => void;
  /** PINGs and SETTINGS since the last look. */
  #controls = 0;
  /** Requests since the last look that nobody has seen. */
  #unseen = 0;
  /** Bytes that running requests may still bring. */
  #credit = 0;
  #isClosing = false;
  #read = 0;
  #written = 0;
  /** Since when bytes come that lead to nothing, while nothing runs, and when they came last; undefined: they do not. */
  #drip: { readonly sinceMs: number; lastMs: number } | undefined;

  constructor(connection: Connection, limits: FloodLimits, onFlood: () => void) {
    const { session } = connection;
    this.#connection = connection;
    this.#limits = limits;
    this.#onFlood = onFlood;
    const control = () => {
      this.#drip = undefined;
      if (++this.#controls === limits.maxControlFrames) this.#close(calmCode);
    };
    session.on("ping", control);
    session.on("remoteSettings", control);
    const mostHeaders = mostHeadersRead(limits);
    session.on("stream", (stream, _headers, _flags, rawHeaders) => {
      if (rawHeaders.length / 2 >= mostHeaders) this.#close(calmCode);
      else if (stream.destroyed || stream.closed) this.unseen();
    });
  }

  get requests(): Requests {
    return this.#connection.requests;
  }

  /** Its connection has ended: what is found out now is nobody's fault. */
  closed(): void {
    this.#isClosing = true;
  }

  /** A request was reset before anybody had seen it. */
  unseen(): void {
    if (++this.#unseen === this.#limits.maxUnseenResets) this.#close(calmCode);
  }

  /** Before its time has come: nothing is counted anew. */
  lookEarly(): void {
    if (!this.#isClosing && this.#unexplained > this.#limits.maxControlBytes + this.#newCredit) this.#close(calmCode);
  }

  look(nowMs: number): void {
    const { socket, requests } = this.#connection;
    this.#unseen = 0;
    const { bytesRead, bytesWritten } = socket;
    if (bytesRead === this.#read || this.#isClosing) return;
    const unexplained = this.#unexplained;
    this.#credit = this.#newCredit;
    if (unexplained > this.#limits.maxControlBytes + this.#credit) return this.#close(calmCode);
    // What comes late is part of the next look's time; more is not kept, or a client could save it up.
    this.#credit = Math.min(this.#limits.maxControlBytes, this.#credit - Math.max(0, unexplained));
    if (this.#isBusy || this.#controls > 0) this.#drip = undefined;
    else this.#lookAtDrip(nowMs);
    this.#read = bytesRead;
    this.#written = bytesWritten;
    this.#controls = 0;
    requests.opened = 0;
    requests.ended = 0;
    requests.taken = 0;
  }

  /** Bytes since the last look; as many as were written may be window updates. */
  get #unexplained(): number {
    const { bytesRead, bytesWritten } = this.#connection.socket;
    return bytesRead - this.#read - (bytesWritten - this.#written);
  }

  get #isBusy(): boolean {
    const { running, opened, ended } = this.#connection.requests;
    return running > 0 || opened > 0 || ended > 0;
  }

  /** What was left, and what has come with requests since the last look: their headers, and bodies in frames of which each has a head. */
  get #newCredit(): number {
    const { taken, opened } = this.#connection.requests;
    return this.#isBusy ? this.#credit + 2 * taken + opened * this.#limits.maxHeaderBytes : 0;
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
    else {
      this.#onFlood();
      // Not as the code of the end itself: Node would make it the error of every stream.
      this.#connection.session.goaway(code);
      this.#connection.session.destroy();
    }
    // The client may read nothing, and then never learns of its end.
    closeSoon(this.#connection.socket);
  }
}
