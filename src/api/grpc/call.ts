import type { ServerHttp2Stream } from "node:http2";
import type { OutgoingHttpHeaders } from "node:http";
import { asFault } from "../../core/reasons.ts";
import { abortFault } from "../../core/signals.ts";
import { readAll } from "../../core/stream.ts";
import { lateBody, limitCall, type Entry } from "../admission.ts";
import { goneFault } from "../run.ts";
import { discardRestOf } from "../linger.ts";
import { outgoing } from "../rpc/edge.ts";
import { drained } from "../send.ts";
import { Answer } from "./answer.ts";
import type { Asked, CallOptions } from "./asked.ts";
import { gzipped, leastCompressedBytes, plain } from "./compression.ts";
import { callOf, onClose, onData, onEnd, onWantTrailers, type CallStream, type StreamCall } from "./listeners.ts";
import { RequestMessage } from "./request-message.ts";
import { RpcContext } from "./rpc-context.ts";
import { trailersOf } from "./status.ts";

/** NGHTTP2_CANCEL. */
const cancelCode = 8;
const contentType = "application/grpc+proto";
const ignore = () => {};

/** How long a client that was slow when its call failed may take to read what is left, ms. */
const slowClosingMs = 1000;

/** One call over gRPC, from its headers until its stream has been closed. */
export class GrpcCall implements StreamCall {
  readonly #stream: CallStream;
  readonly #asked: Asked;
  readonly #options: CallOptions;
  readonly #entry: Entry;
  readonly #context: RpcContext;
  readonly #message: RequestMessage;
  readonly #answer: Answer;
  readonly #stopCall: () => void;
  /** While it waits for its body. */
  #stopBody: (() => void) | undefined;
  #stopClosing: () => void = ignore;
  /** How long its client may take to read the end of the answer, ms; beside the limit of idle connections. */
  #mostClosingMs = Infinity;
  #trailers: OutgoingHttpHeaders = {};
  /** The answer's end has been written, or will not be. */
  #isServed = false;
  #isServing = false;
  #isClosed = false;

  constructor(stream: ServerHttp2Stream, asked: Asked, options: CallOptions) {
    this.#stream = stream;
    this.#asked = asked;
    this.#options = options;
    this.#entry = options.gate.enter(asked.head, asked.requestId, asked);
    this.#context = new RpcContext(asked.method.desc, this.#entry, asked.head);
    this.#message = new RequestMessage(options.limits);
    this.#answer = new Answer(stream, asked.method);
    this.#stopCall = limitCall(this.#entry, options);
  }

  /** Begins to serve. */
  begin(): void {
    const { refusal } = this.#entry;
    // A reset of the stream is told by `close`; unheard, its error would end the process.
    this.#stream.on("error", ignore);
    this.#stream[callOf] = this;
    this.#stream.on("close", onClose);
    const { signal } = this.#entry.call;
    if (refusal === undefined && !signal.aborted) this.#read();
    else this.#fail(refusal ?? abortFault(signal));
  }

  /** Listens to the body. */
  #read(): void {
    const { clock, limits } = this.#options;
    const entry = this.#entry;
    this.#stopBody = clock.after(limits.bodyMs, () => entry.abort(lateBody(limits)));
    entry.onAbort = () => this.#fail(abortFault(entry.call.signal));
    this.#stream.on("data", onData);
    this.#stream.on("end", onEnd);
  }

  whole(): void {
    // Only its timer and its end: there is nothing more to hear.
    this.#stopWaiting();
    // A reset too ends what is read, before the stream says that it is closed: a client that left, whatever was there of its message.
    if (this.#isGone()) return this.#abandon();
    this.#isServing = true;
    void this.#serve();
  }

  /** Whether nothing can be sent any more: Node throws at whoever tries, and nobody would catch that. */
  #isGone(): boolean {
    return this.#stream.destroyed || this.#stream.closed;
  }

  /** The client left before there was anything to serve. */
  #abandon(): void {
    const entry = this.#entry;
    entry.abort(entry.outcome.error ?? goneFault(entry.call, this.#options.clock.now()));
    this.#served();
  }

  #stopWaiting(): void {
    this.#stopBody?.();
    this.#entry.onAbort = undefined;
  }

  #stopReading(): void {
    this.#stopWaiting();
    this.#stream.off("data", onData);
    this.#stream.off("end", onEnd);
  }

  came(chunk: Buffer): void {
    try {
      this.#message.push(chunk);
    } catch (error) {
      this.#fail(error);
    }
  }

  async #serve(): Promise<void> {
    try {
      const { method, encodings } = this.#asked;
      const framed = this.#message.take();
      const bytes = framed.isCompressed ? await plain(framed, encodings, this.#options.limits) : framed.bytes;
      const request = method.decode(bytes);
      if (method.answer.kind === "server_streaming") await readAll(method.answer.run(request, this.#context), this.#send);
      else {
        const sending = this.#send(await method.answer.run(request, this.#context));
        if (sending !== undefined) await sending;
      }
      this.#succeed();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Sends a message, no faster than they are read. The headers go out before the first, so that an implementation can still add to them. */
  readonly #send = (message: object): Promise<void> | undefined => {
    const { method, encodings } = this.#asked;
    const added = this.#answer.add(method.whole(message));
    if (!this.#stream.headersSent) this.#respond();
    if (encodings.response === "gzip" && added.length >= leastCompressedBytes)
      return this.#answer.compress(added, gzipped).then(() => this.#pace());
    return this.#pace();
  };

  #pace(): Promise<void> | undefined {
    return this.#answer.isFull() ? this.#drained() : undefined;
  }

  #drained(): Promise<void> {
    const { call, outcome } = this.#entry;
    return drained({ writable: this.#stream, call, outcome, cut: () => this.#cut() }, this.#options);
  }

  #respond(): void {
    if (this.#isGone()) return;
    const { requestId, encodings } = this.#asked;
    const headers: OutgoingHttpHeaders = { ":status": 200, "content-type": contentType, "x-request-id": requestId };
    if (encodings.response === "gzip") headers["grpc-encoding"] = "gzip";
    this.#context.addedHeaders?.forEach((value, name) => void (headers[name] = value));
    this.#stream.respond(headers, { waitForTrailers: true });
    this.#stream.on("wantTrailers", onWantTrailers);
  }

  sendTrailers(): void {
    if (!this.#isGone()) this.#stream.sendTrailers(this.#trailers);
  }

  #succeed(): void {
    if (this.#isGone()) return this.#served();
    if (!this.#stream.headersSent) this.#respond();
    this.#trailers = trailersOf(undefined, this.#context.addedTrailers);
    this.#answer.end();
    this.#served();
  }

  /** Ends the call with an error: in the headers alone, where nothing has been sent. */
  #fail(thrown: unknown): void {
    if (this.#isServed) return;
    this.#stopReading();
    const [{ outcome, call }, stream] = [this.#entry, this.#stream];
    // What the call ended with has been noted, or is the client's own doing: there is nobody to tell.
    if (this.#isGone() && !call.signal.aborted) outcome.error ??= asFault(thrown);
    if (this.#isGone()) return this.#served();
    // One that is slow gets a while to read what there is, and why it ended.
    if (stream.writableNeedDrain) this.#mostClosingMs = slowClosingMs;
    this.#trailers = trailersOf(outgoing(this.#entry, thrown, this.#options.log), this.#context.addedTrailers);
    // In headers alone there would be no place for those that the implementation has added.
    if (!stream.headersSent && this.#context.addedHeaders !== undefined) this.#respond();
    if (stream.headersSent) this.#answer.end();
    else {
      const { requestId } = this.#asked;
      stream.respond({ ":status": 200, "content-type": contentType, "x-request-id": requestId, ...this.#trailers }, { endStream: true });
    }
    discardRestOf(stream);
    this.#served();
  }

  #cut(): void {
    this.#stream.close(cancelCode);
  }

  closed(): void {
    const entry = this.#entry;
    const { outcome, call } = entry;
    this.#isClosed = true;
    this.#stream[callOf] = undefined;
    const isCut = !this.#isServed || this.#stream.aborted;
    if (isCut && !call.signal.aborted) entry.abort(outcome.error ?? goneFault(call, this.#options.clock.now()));
    if (!this.#isServing) this.#stopReading(); // there is no work that would end the call
    if (this.#isServed || !this.#isServing) this.#leave();
  }

  /** The work has ended; the call has when its answer is out, though a client may still be sending what nobody wants. */
  #served(): void {
    this.#isServed = true;
    if (this.#isClosed) return this.#leave();
    const { clock, limits } = this.#options;
    // A client that reads nothing of what was sent holds its connection no longer than one that does nothing.
    this.#stopClosing = clock.after(Math.min(this.#mostClosingMs, limits.idleConnectionMs), () => this.#cut());
    if (!this.#stream.readableEnded) this.#stream.once("finish", () => this.#leave());
  }

  #hasLeft = false;
  #leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.#stopCall();
    this.#stopClosing();
    this.#context.end();
    this.#options.gate.leave(this.#entry, this.#asked);
  }
}
