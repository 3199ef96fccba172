import type { Dispatcher } from "undici";
import type { Clock } from "../../core/ports.ts";
import { unsent } from "../../core/unsent.ts";
import { abortFault } from "../../core/signals.ts";
import type { Connection, Connections, Message } from "./connections.ts";
import { EventQueue } from "./event-queue.ts";
import { cutBefore, type CallFacts } from "./failures.ts";

/** Names in lower case. */
export type ResponseHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** What becomes of the bytes of an answer. Whatever a method throws ends the call. */
export interface Body {
  write(chunk: Buffer): void;
  /** Whether nothing more is needed: what still comes is waited for at most `afterEndMs`. */
  readonly isWhole: boolean;
  /** The last bytes have come; `isCut` when the connection broke before the end that HTTP knows. */
  end(isCut: boolean): void | Promise<void>;
  /** How long the body may take in all, ms; undefined: others time it. */
  readonly mostMs?: number | undefined;
  /** Whether enough has come: the connection is closed, and the body ends as if that were all. */
  readonly isEnough?: boolean;
  /** Whether its end mark has come: the answer ends at once, and the connection is kept only if the body soon ends as well. */
  readonly hasEnded?: boolean;
  pause?(): void;
  resume?(): void;
  /** Frees what it holds; nothing is written afterwards. */
  close?(): void;
}

/** What a call over HTTP needs. */
export interface ExchangeOptions<Event> {
  readonly connections: Connections;
  readonly clock: Clock;
  readonly facts: CallFacts;
  readonly signal: AbortSignal;
  /** The shortest limit that the target is held to, ms: the rest of a whole answer is waited for no longer than half of it, so that what is whole is never too late. */
  readonly shortestMs: number;
  /** Makes the request; called when the answer is read for the first time. May throw. */
  message(): Message;
  /** Chooses by status and headers what becomes of the body. May throw: then the answer is refused, and its connection closed. */
  open(status: number, headers: ResponseHeaders, wire: Wire<Event>): Body;
}

/** Where a body's events go. */
export interface Wire<Event> {
  push(event: Event): void;
  /** For bodies that find out later than in `write`: so many bytes more were read. */
  taken(bytes: number): void;
  fail(error: unknown): void;
}

/** How long the rest of a body may take whose answer is whole, whatever else comes meanwhile: an end mark, figures of usage, the end that HTTP knows. */
const afterEndMs = 2000;

/** Bytes that wait for a slow reader before the upstream is made to wait as well: as events they take up to twice as much, beside what its socket has read already. */
const mostUnreadBytes = 32 * 1024;

/** One request and its answer as a stream of events. Whoever leaves the stream or aborts the signal closes the upstream's socket, in every phase; a body that was read to its end leaves it for the next call. */
export function exchange<Event>(options: ExchangeOptions<Event>): AsyncIterableIterator<Event, undefined> {
  return new Exchange(options).queue;
}

class Exchange<Event> implements Dispatcher.DispatchHandler, Wire<Event> {
  readonly queue: EventQueue<Event>;
  readonly #options: ExchangeOptions<Event>;
  #connection: Connection | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #body: Body | undefined;
  #unreadBytes = 0;
  #isPaused = false;
  /** Nothing more of the upstream counts. */
  #hasEnded = false;
  /** Nothing more is told. */
  #isOver = false;
  #cancelTimer: (() => void) | undefined;
  /** Of an answer that is over while its body is not. */
  #rest: { readonly connection: Connection | undefined; readonly cancelTimer: () => void } | undefined;

  constructor(options: ExchangeOptions<Event>) {
    this.#options = options;
    this.queue = new EventQueue(options.signal, { begin: () => this.#begin(), drained: () => this.#drained(), left: () => this.#close() });
  }

  #begin(): void {
    const { signal, connections } = this.#options;
    if (signal.aborted) return this.#fail(abortFault(signal));
    try {
      const made = this.#message();
      signal.addEventListener("abort", this.#onAbort, { once: true });
      this.#connection = connections.take();
      this.#connection.dispatch(made, this);
    } catch (error) {
      this.#fail(error);
    }
  }

  #message(): Message {
    try {
      return this.#options.message();
    } catch (error) {
      throw unsent(error);
    }
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: ResponseHeaders): void {
    if (this.#hasEnded || status < 200) return;
    try {
      this.#body = this.#options.open(status, headers, this);
      if (this.#body.mostMs !== undefined) this.#timed(this.#body.mostMs);
    } catch (error) {
      this.#fail(error);
    }
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    const body = this.#body;
    if (this.#hasEnded || body === undefined) return;
    try {
      body.write(chunk);
    } catch (error) {
      return this.#fail(error);
    }
    this.taken(chunk.length);
  }

  push(event: Event): void {
    this.queue.push(event);
  }

  fail(error: unknown): void {
    this.#fail(error);
  }

  taken(bytes: number): void {
    const body = this.#body;
    if (this.#hasEnded || body === undefined) return;
    if (body.isEnough === true) return this.#cut();
    if (body.hasEnded === true) return this.#complete();
    if (body.isWhole && this.#cancelTimer === undefined) this.#timed(Math.min(afterEndMs, this.#options.shortestMs / 2));
    if (!this.queue.isFull) return;
    this.#unreadBytes += bytes;
    if (this.#unreadBytes >= mostUnreadBytes) this.#pause();
  }

  onResponseEnd(): void {
    this.#leaveRest((connection) => connection.release());
    if (this.#hasEnded) return;
    this.#connection?.release();
    this.#connection = undefined;
    this.#finish(false);
  }

  onResponseError(_: unknown, error: Error): void {
    this.#leaveRest((connection) => connection.destroy());
    if (this.#hasEnded) return;
    this.#connection?.destroy();
    this.#connection = undefined;
    if (this.#body === undefined) this.#fail(cutBefore(error, this.#controller !== undefined, this.#options.facts));
    else this.#finish(true);
  }

  readonly #onAbort = (): void => this.#fail(abortFault(this.#options.signal));

  /** Ends the body as if the connection had broken, after at most so long. */
  #timed(ms: number): void {
    this.#cancelTimer = this.#options.clock.after(ms, () => this.#cut());
  }

  #cut(): void {
    this.#connection?.destroy();
    this.#connection = undefined;
    this.#finish(true);
  }

  /** Ends the answer before its body, which says nothing more to anybody. */
  #complete(): void {
    const cancelTimer = this.#options.clock.after(afterEndMs, () => this.#leaveRest((connection) => connection.destroy()));
    this.#rest = { connection: this.#connection, cancelTimer };
    this.#connection = undefined;
    if (this.#isPaused) this.#controller?.resume();
    this.#isPaused = false;
    this.#finish(true);
  }

  #leaveRest(leave: (connection: Connection) => void): void {
    const { connection, cancelTimer } = this.#rest ?? {};
    this.#rest = undefined;
    cancelTimer?.();
    if (connection !== undefined) leave(connection);
  }

  #finish(isCut: boolean): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#cancelTimer?.();
    try {
      const ended = this.#body?.end(isCut);
      if (ended === undefined) this.#close();
      else ended.then(() => this.#close()).catch((error: unknown) => this.#fail(error));
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.queue.end({ error });
    this.#close();
  }

  #close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#hasEnded = true;
    this.#cancelTimer?.();
    this.#options.signal.removeEventListener("abort", this.#onAbort);
    this.#connection?.destroy();
    this.#connection = undefined;
    this.#body?.close?.();
    this.queue.end();
  }

  #pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#controller?.pause();
    this.#body?.pause?.();
  }

  #drained(): void {
    this.#unreadBytes = 0;
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#body?.resume?.();
    this.#controller?.resume();
  }
}
