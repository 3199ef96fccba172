import type { ServerHttp2Stream } from "node:http2";

/** What the listeners of a stream tell its call. */
export interface StreamCall {
  /** A piece of the body. */
  came(chunk: Buffer): void;
  /** The body is whole. */
  whole(): void;
  /** The answer is out, but for its trailers. */
  sendTrailers(): void;
  closed(): void;
}

/**
 * A stream that knows its call, while there is one. Node keeps the object of a closed stream, and its listeners with it, until the collector's next great round:
 * so they are the same functions for all streams, and know nothing of any call.
 */
export type CallStream = ServerHttp2Stream & { [callOf]?: StreamCall | undefined };

/** Where a stream has its call. */
export const callOf = Symbol("call");

/** Listens to `data`. */
export function onData(this: CallStream, chunk: Buffer): void {
  this[callOf]?.came(chunk);
}

/** Listens to `end`. */
export function onEnd(this: CallStream): void {
  this[callOf]?.whole();
}

/** Listens to `wantTrailers`. */
export function onWantTrailers(this: CallStream): void {
  this[callOf]?.sendTrailers();
}

/** Listens to `close`. */
export function onClose(this: CallStream): void {
  this[callOf]?.closed();
}
