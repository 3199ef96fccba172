import type { ConnectError } from "@connectrpc/connect";
import type { Limits } from "../../core/limits.ts";
import type { Clock, EngineObserver } from "../../core/ports.ts";
import { opened } from "../../core/opened.ts";
import { abortFault, throwIfAborted, untilAborted } from "../../core/signals.ts";
import type { ReadyIterator } from "../../core/stages.ts";
import { errorFromEngine } from "../../engine/protocol/errors.ts";
import type { EngineEvent } from "../../engine/protocol/events.ts";
import { mostMessageBytes, type FromEngine, type ToEngine } from "../../engine/protocol/messages.ts";
import type { EngineAnswer, EngineQuestion, EngineQuestionType } from "../../engine/protocol/questions.ts";
import type { EngineRequest } from "../../engine/protocol/request.ts";
import { channel, type Channel } from "./channel.ts";
import type { Quarantine } from "./quarantine.ts";
import { Suspects } from "./suspects.ts";

/** What the calls of an engine need. */
export interface EngineCallsOptions {
  readonly model: string;
  readonly limits: Limits;
  readonly clock: Clock;
  readonly observer: EngineObserver;
  readonly quarantine: Quarantine;
  /** Tells the engine. */
  readonly send: (message: ToEngine) => void;
}

/** An engine may say so much of one call after it was asked to pause, bytes: the beginnings of many choices of a long prompt may be on their way. */
const mostAfterPause = mostMessageBytes;

/** What an engine says of calls. */
export type CallMessage = Extract<FromEngine, { type: "tick" | "handling" | "reading" | "answered" | "not-answered" }>;

/** Calls that one engine answers, until it ends. */
export class EngineCalls {
  readonly #options: EngineCallsOptions;
  readonly #suspects: Suspects;
  readonly #calls = new Map<number, Channel<EngineEvent>>();
  readonly #questions = new Map<number, PromiseWithResolvers<EngineAnswer>>();
  #nextId = 1;
  #failure: ConnectError | undefined;

  constructor(options: EngineCallsOptions) {
    this.#options = options;
    this.#suspects = new Suspects(options);
  }

  /** Runs one request; ends after `completed`, throws what failed. Leaving it early frees its sequences. */
  generate(request: EngineRequest, signal: AbortSignal): AsyncIterable<EngineEvent> {
    const { send } = this.#options;
    return opened(async () => {
      const id = await this.#enter(request, signal);
      this.#refuseGone(id, signal);
      const call = this.#channel(id);
      let isOver = false;
      const cancel = () => {
        if (!isOver) send({ type: "cancel", id });
        isOver = true;
      };
      const onAbort = () => {
        cancel();
        call.fail(abortFault(signal));
        // Its reader may not look again for a while.
        this.#suspects.leave(id);
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#calls.set(id, call);
      send({ type: "generate", id, request });
      const close = () => {
        signal.removeEventListener("abort", onAbort);
        cancel();
        // Whoever still waits for an event has left.
        call.end();
        this.#calls.delete(id);
        this.#suspects.leave(id);
      };
      return { stream: eventsOf(call, signal, () => (isOver = true)), close };
    });
  }

  /** Asks what is answered once. */
  async ask<Type extends EngineQuestionType>(question: EngineQuestion<Type>, signal: AbortSignal): Promise<EngineAnswer<Type>> {
    const { send } = this.#options;
    const id = await this.#enter(question as EngineQuestion, signal);
    this.#refuseGone(id, signal);
    const answered = Promise.withResolvers<EngineAnswer>();
    this.#questions.set(id, answered);
    send({ type: "ask", id, question: question as EngineQuestion });
    try {
      return (await untilAborted(answered.promise, signal)) as EngineAnswer<Type>;
    } finally {
      if (this.#questions.delete(id)) send({ type: "cancel", id });
      this.#suspects.leave(id);
    }
  }

  /** Takes what the engine says. Throws on what is not in the protocol. */
  receive(message: CallMessage): void {
    switch (message.type) {
      case "tick":
        return this.#onTick(message);
      case "handling":
        return this.#suspects.handles(message.id);
      case "reading":
        return this.#suspects.reads(message.ids);
      case "answered":
      case "not-answered":
        return this.#onAnswer(message);
      default:
        return unknown(message);
    }
  }

  /** The engine has answered a ping. */
  onPong(): void {
    this.#suspects.forgetGone();
  }

  /** The engine has ended: so does every call. Answers how many requests are refused from now on, since they are why. */
  end(failure: ConnectError, isCrash: boolean): number {
    this.#failure = failure;
    const refused = isCrash ? this.#suspects.crashed() : 0;
    this.#suspects.close(failure);
    for (const call of this.#calls.values()) call.fail(failure);
    for (const question of this.#questions.values()) question.reject(failure);
    this.#questions.clear();
    return refused;
  }

  /** Waits until the request may go to the engine. */
  async #enter(asked: EngineRequest | EngineQuestion, signal: AbortSignal): Promise<number> {
    throwIfAborted(signal);
    if (this.#failure !== undefined) throw this.#failure;
    const id = this.#nextId++;
    await this.#suspects.enter(id, asked, signal);
    return id;
  }

  /** To be asked right after the wait for its entry, in the same turn: what ended the call meanwhile was heard by nobody. */
  #refuseGone(id: number, signal: AbortSignal): void {
    const gone = signal.aborted ? abortFault(signal) : this.#failure;
    if (gone === undefined) return;
    this.#suspects.turnedBack(id);
    throw gone;
  }

  #channel(id: number): Channel<EngineEvent> {
    const { limits, send } = this.#options;
    return channel<EngineEvent>({
      maxBytes: limits.streamBufferBytes,
      onFull: () => send({ type: "pause", id }),
      onDrained: () => send({ type: "resume", id }),
    });
  }

  #onTick({ events, decodes, queued }: Extract<FromEngine, { type: "tick" }>): void {
    const { observer, model } = this.#options;
    for (const [busy, active] of decodes) observer.decoded(model, busy, active);
    if (queued !== undefined) observer.queued(model, queued);
    for (const [id, event] of events) {
      if (event.type === "admitted") observer.waited(model, event.queueMs);
      this.#onEvent(id, event);
    }
  }

  #onEvent(id: number, event: EngineEvent): void {
    const call = this.#calls.get(id);
    if (event.type === "failed") call?.fail(errorFromEngine(event.error));
    else if (call !== undefined) this.#push(call, event);
    if (event.type === "completed") call?.end();
    if (event.type === "completed" || event.type === "failed") this.#suspects.ended(id);
    else if (!beforeContent.has(event.type)) this.#suspects.admitted(id);
  }

  /** Throws when the engine goes on and on though it was asked to pause. */
  #push(call: Channel<EngineEvent>, event: EngineEvent): void {
    call.push(event, bytesOf(event));
    if (call.waitingBytes > this.#options.limits.streamBufferBytes + mostAfterPause) throw new RangeError("it heeds no pause");
  }

  #onAnswer(message: Extract<FromEngine, { type: "answered" | "not-answered" }>): void {
    const question = this.#questions.get(message.id);
    this.#questions.delete(message.id);
    this.#suspects.ended(message.id);
    if (message.type === "answered") question?.resolve(message.answer);
    else question?.reject(errorFromEngine(message.error));
  }
}

/** What a channel holds, as a stream that says what is there already. `onCompleted` is told when its reader has the last event. */
function eventsOf(call: Channel<EngineEvent>, signal: AbortSignal, onCompleted: () => void): AsyncIterable<EngineEvent> {
  const over: IteratorResult<EngineEvent> = { done: true, value: undefined };
  const told = (event: EngineEvent | undefined): IteratorResult<EngineEvent> => {
    if (event === undefined) return over;
    // All of the answer may have been here already when its caller left.
    throwIfAborted(signal);
    if (event.type === "completed") onCompleted();
    return { done: false, value: event };
  };
  const events: ReadyIterator<EngineEvent> = {
    next: () => call.next().then(told),
    ready() {
      const event = call.ready();
      return event === undefined ? undefined : told(event);
    },
  };
  return { [Symbol.asyncIterator]: () => events };
}

const beforeContent: ReadonlySet<EngineEvent["type"]> = new Set(["waiting", "admitted", "begun", "reading"]);

/** What an event takes while its reader is slow. */
function bytesOf(event: EngineEvent): number {
  if (event.type === "text")
    return Buffer.byteLength(event.text) + (event.logprobs === undefined ? 0 : JSON.stringify(event.logprobs).length);
  if (event.type === "reasoning") return Buffer.byteLength(event.text);
  return event.type === "tool-call" ? Buffer.byteLength(event.arguments) : 0;
}

function unknown(message: never): never {
  throw new TypeError(`there is no such message: ${typeof message}`);
}
