import type { ConnectError } from "@connectrpc/connect";
import { status as grpcStatus, type ClientReadableStream, type StatusObject } from "@grpc/grpc-js";
import { asFault } from "../../core/reasons.ts";
import { abortFault } from "../../core/signals.ts";
import { asIs, askedOf, decoded, endedWith, metadataOf, optionsOf, type CallFacts, type Upstream } from "./call.ts";
import { Inbox } from "./inbox.ts";
import type { Method } from "./methods.ts";

/** Reads an answer, message by message. */
export interface StreamReader<Answer, Event> {
  /** The events of a message. Throws `provider_malformed`. */
  read(answer: Answer): readonly Event[];
  /** Whether nothing more is needed. */
  readonly isComplete: boolean;
  /** The last events: `error` is what the call has failed with. Throws it, unless the answer is whole without what is missing. */
  end(error: ConnectError | undefined): readonly Event[];
}

/** What a stream asks for. */
export interface StreamQuestion<Request, Answer, Event> {
  readonly method: Method<Request, Answer>;
  readonly request: Request;
  readonly facts: CallFacts;
  readonly reader: StreamReader<Answer, Event>;
}

/** How long the status may take of a stream whose last message has come; less than its time limits, for it has ended. */
const afterEndMs = 2000;

/** Asks for a stream, when it is read for the first time. Whoever leaves it or aborts the signal cancels the call, in every phase. */
export function askStream<Request, Answer, Event>(
  upstream: Upstream,
  question: StreamQuestion<Request, Answer, Event>,
): AsyncIterable<Event> {
  return { [Symbol.asyncIterator]: () => new StreamCall(upstream, question).inbox };
}

class StreamCall<Request, Answer, Event> {
  readonly inbox: Inbox<Event>;
  readonly #upstream: Upstream;
  readonly #question: StreamQuestion<Request, Answer, Event>;
  #call: ClientReadableStream<Buffer> | undefined;
  #status: StatusObject | undefined;
  #hasReadAll = false;
  #hasAnswered = false;
  /** Nothing more is told, and nothing more of the call counts. */
  #isOver = false;
  #cancelTimer: (() => void) | undefined;

  constructor(upstream: Upstream, question: StreamQuestion<Request, Answer, Event>) {
    this.#upstream = upstream;
    this.#question = question;
    this.inbox = new Inbox<Event>({
      begin: () => this.#begin(),
      full: () => this.#call?.pause(),
      drained: () => this.#call?.resume(),
      left: () => this.#close(),
    });
  }

  #begin(): void {
    const { signal } = this.#question.facts;
    if (signal.aborted) return this.#onAbort();
    signal.addEventListener("abort", this.#onAbort, { once: true });
    const waiting = this.#upstream.channel.connected(signal);
    if (waiting === undefined) this.#send();
    else waiting.then(() => this.#send()).catch((error: unknown) => this.#fail(error));
  }

  #send(): void {
    if (this.#isOver) return;
    const { method, request, facts } = this.#question;
    try {
      const { client } = this.#upstream.channel;
      const [metadata, options] = [metadataOf(this.#upstream, facts), optionsOf(this.#upstream, facts)];
      const call = client.makeServerStreamRequest(method.path, method.encode, asIs, request, metadata, options);
      this.#call = call;
      call.on("data", (bytes: Buffer) => this.#read(bytes));
      // The status comes at once, and the end only behind the last message: both are needed, in whichever order they come.
      call.on("status", (status: StatusObject) => {
        this.#status = status;
        this.#settle();
      });
      call.on("end", () => {
        this.#hasReadAll = true;
        this.#settle();
      });
      // The status says the same, with its details.
      call.on("error", () => {});
    } catch (error) {
      this.#fail(error);
    }
  }

  #read(bytes: Buffer): void {
    if (this.#isOver) return;
    const { method, reader } = this.#question;
    this.#hasAnswered = true;
    try {
      for (const event of reader.read(decoded(method, bytes, this.#upstream))) this.inbox.push(event);
    } catch (error) {
      return this.#fail(error);
    }
    if (reader.isComplete) this.#cancelTimer ??= this.#upstream.clock.after(this.#afterEndMs(), () => this.#end(undefined));
  }

  #afterEndMs(): number {
    const { idleMs, wholeMs } = this.#upstream.settings.times;
    return Math.min(afterEndMs, idleMs / 2, wholeMs / 2);
  }

  #settle(): void {
    const status = this.#status;
    if (status === undefined || !this.#hasReadAll || this.#isOver) return;
    const { facts } = this.#question;
    this.#end(status.code === grpcStatus.OK ? undefined : endedWith(status, askedOf(this.#upstream, facts, this.#hasAnswered), facts));
  }

  #end(error: ConnectError | undefined): void {
    if (this.#isOver) return;
    try {
      for (const event of this.#question.reader.end(error)) this.inbox.push(event);
      this.inbox.end();
      this.#close();
    } catch (failure) {
      this.#fail(failure);
    }
  }

  readonly #onAbort = (): void => {
    this.inbox.abandon(abortFault(this.#question.facts.signal));
    this.#close();
  };

  #fail(error: unknown): void {
    this.inbox.end(asFault(error));
    this.#close();
  }

  #close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#cancelTimer?.();
    this.#question.facts.signal.removeEventListener("abort", this.#onAbort);
    // A call that has ended by itself is not there any more to be cancelled.
    if (this.#status === undefined) this.#call?.cancel();
  }
}
