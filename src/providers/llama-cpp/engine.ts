import type { ConnectError } from "@connectrpc/connect";
import { basename } from "node:path";
import type { Limits } from "../../core/limits.ts";
import type { Clock, EngineObserver, Log } from "../../core/ports.ts";
import { fault } from "../../core/reasons.ts";
import { abortFault, throwIfAborted, untilAborted } from "../../core/signals.ts";
import {
  errorFromEngine,
  type EngineAnswer,
  type EngineEstimate,
  type EngineEvent,
  type EngineLoad,
  type EngineModel,
  type EngineQuestion,
  type EngineQuestionType,
  type EngineRequest,
  type FromEngine,
} from "../../engine/protocol.ts";
import { channel, type Channel } from "./channel.ts";
import { startEngine, type EngineExit, type EngineProcess } from "./engine-process.ts";
import { heartbeat, type Heartbeat } from "./heartbeat.ts";

/** What an engine is started with. */
export interface EngineOptions {
  /** Id of the model. */
  readonly model: string;
  readonly load: EngineLoad;
  readonly limits: Limits;
  readonly clock: Clock;
  readonly observer: EngineObserver;
  readonly log: Log;
  readonly onLoading: (fractionDone: number) => void;
  /** Which of the estimated sizes to load, once there is room for it; the largest, at once, unless said otherwise. What it throws fails the load. */
  readonly choose?: (estimate: EngineEstimate) => Promise<number>;
  /** The program; the engine itself unless said otherwise. */
  readonly program?: string;
}

/** How an engine ended by itself. */
export interface EngineCrash {
  /** For people anywhere. */
  readonly why: string;
  /** What its process said last: for the log alone. */
  readonly lastWords: string;
}

/** A process that has been asked to end gets so long, ms. */
const graceMs = 5000;

/** One model in a process of its own: it loads as soon as it is made, and ends once. */
export class Engine {
  readonly #options: EngineOptions;
  readonly #child: EngineProcess;
  readonly #heart: Heartbeat;
  readonly #calls = new Map<number, Channel<EngineEvent>>();
  readonly #questions = new Map<number, PromiseWithResolvers<EngineAnswer>>();
  readonly #loaded = Promise.withResolvers<EngineModel>();
  /** Stops the clock of the load. */
  #stopLoadClock = () => {};
  #nextId = 1;
  #failure: ConnectError | undefined;
  #isStopping = false;
  /** Why we have killed it. */
  #complaint = "";
  /** Resolves when the process has ended: how; undefined when `stop` ended it. */
  readonly ended: Promise<EngineCrash | undefined>;

  constructor(options: EngineOptions) {
    this.#options = options;
    const { clock, limits, load, log, model, program } = options;
    this.#child = startEngine({
      program,
      onMessage: (message) => this.#receive(message),
      onLine: (line) => log.debug("a model's process says", { model, line }),
    });
    const { engineSilenceMs, engineLoadMs } = limits;
    this.#heart = heartbeat({
      clock,
      silenceMs: engineSilenceMs,
      ping: () => this.#child.send({ type: "ping" }),
      onSilence: () => this.#kill(`it did not answer for ${engineSilenceMs} ms and was killed`),
    });
    this.ended = this.#child.exited.then((exit) => this.#onExit(exit));
    this.#child.send({ type: "load", load });
    this.#startLoadClock(engineLoadMs);
    const stop = () => this.#stopLoadClock();
    this.loaded.then(stop, stop);
  }

  /** Resolves when the model is loaded. Rejects with `engine_failed` when it cannot be, or the process ends before. */
  get loaded(): Promise<EngineModel> {
    return this.#loaded.promise;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Runs one request; ends after `completed`, throws what failed. Leaving it early frees its sequences. */
  async *generate(request: EngineRequest, signal: AbortSignal): AsyncGenerator<EngineEvent, void, undefined> {
    throwIfAborted(signal);
    if (this.#failure !== undefined) throw this.#failure;
    const id = this.#nextId++;
    const call = this.#channel(id);
    let isOver = false;
    const cancel = () => {
      if (!isOver) this.#child.send({ type: "cancel", id });
      isOver = true;
    };
    const onAbort = () => {
      cancel();
      call.fail(abortFault(signal));
    };
    signal.addEventListener("abort", onAbort, { once: true });
    this.#calls.set(id, call);
    this.#child.send({ type: "generate", id, request });
    try {
      for (let event = await call.next(); event !== undefined; event = await call.next()) {
        if (event.type === "completed") isOver = true;
        yield event;
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
      cancel();
      this.#calls.delete(id);
    }
  }

  /** Asks what is answered once. */
  async ask<Type extends EngineQuestionType>(question: EngineQuestion<Type>, signal: AbortSignal): Promise<EngineAnswer<Type>> {
    throwIfAborted(signal);
    if (this.#failure !== undefined) throw this.#failure;
    const id = this.#nextId++;
    const answered = Promise.withResolvers<EngineAnswer>();
    this.#questions.set(id, answered);
    this.#child.send({ type: "ask", id, question: question as EngineQuestion });
    try {
      return (await untilAborted(answered.promise, signal)) as EngineAnswer<Type>;
    } finally {
      if (this.#questions.delete(id)) this.#child.send({ type: "cancel", id });
    }
  }

  /** Ends the process: it is asked first, and killed when it does not heed. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#child.send({ type: "shutdown" });
    const cancelKill = this.#options.clock.after(graceMs, () => this.#child.kill());
    await this.ended;
    cancelKill();
  }

  #startLoadClock(engineLoadMs: number): void {
    const onLate = () => this.#kill(`it did not load the model within ${engineLoadMs} ms and was killed`);
    this.#stopLoadClock = this.#options.clock.after(engineLoadMs, onLate);
  }

  /** Lets the process load one of the sizes. Waiting for room takes none of the time that a load has. */
  async #onEstimated(estimate: EngineEstimate): Promise<void> {
    const { choose, limits } = this.#options;
    this.#stopLoadClock();
    try {
      const size = (await choose?.(estimate)) ?? 0;
      this.#startLoadClock(limits.engineLoadMs);
      this.#child.send({ type: "proceed", size });
    } catch (error) {
      this.#loaded.reject(error);
    }
  }

  #channel(id: number): Channel<EngineEvent> {
    return channel<EngineEvent>({
      maxBytes: this.#options.limits.streamBufferBytes,
      onFull: () => this.#child.send({ type: "pause", id }),
      onDrained: () => this.#child.send({ type: "resume", id }),
    });
  }

  /** Called by the event loop: what it throws would end the service. */
  #receive(message: FromEngine): void {
    this.#heart.heard();
    try {
      this.#handle(message);
    } catch (error) {
      const { log, model } = this.#options;
      log.error("a model's process said something that is not in the protocol", { model, error });
      this.#kill(`it said something that is not in the protocol (${typeOf(message)}) and was killed`);
    }
  }

  #handle(message: FromEngine): void {
    switch (message.type) {
      case "estimated":
        return void this.#onEstimated(message.estimate);
      case "loading":
        return this.#options.onLoading(message.fractionDone);
      case "loaded":
        return this.#loaded.resolve(message.model);
      case "load-failed":
        return this.#loaded.reject(loadFault(this.#options, errorFromEngine(message.error)));
      case "tick":
        return this.#onTick(message);
      case "answered":
      case "not-answered":
        return this.#onAnswer(message);
      case "trouble":
        return this.#options.log.warn("a model's process has trouble", { model: this.#options.model, what: message.what });
      case "pong":
        return undefined;
      default:
        return unknown(message);
    }
  }

  #onTick({ events, decodes, queued }: Extract<FromEngine, { type: "tick" }>): void {
    const { observer, model } = this.#options;
    for (const [busy, active] of decodes) observer.decoded(model, busy, active);
    if (queued !== undefined) observer.queued(model, queued);
    for (const [id, event] of events) {
      if (event.type === "admitted") observer.waited(model, event.queueMs);
      this.#onEvent(this.#calls.get(id), event);
    }
  }

  #onEvent(call: Channel<EngineEvent> | undefined, event: EngineEvent): void {
    if (event.type === "failed") call?.fail(errorFromEngine(event.error));
    else call?.push(event, bytesOf(event));
    if (event.type === "completed") call?.end();
  }

  #onAnswer(message: Extract<FromEngine, { type: "answered" | "not-answered" }>): void {
    const question = this.#questions.get(message.id);
    this.#questions.delete(message.id);
    if (message.type === "answered") question?.resolve(message.answer);
    else question?.reject(errorFromEngine(message.error));
  }

  #kill(why: string): void {
    this.#complaint = why;
    this.#child.kill();
  }

  /** Ends all calls at once; answers why it ended, if nobody asked it to. */
  #onExit({ how, lastWords }: EngineExit): EngineCrash | undefined {
    const why = this.#complaint || `it ended with ${how}`;
    const { model, observer } = this.#options;
    this.#heart.stop();
    observer.queued(model, 0);
    this.#failure = fault(
      "engine_failed",
      `the process of model "${model}" failed: ${why}; try again, and ask the operator if it fails again`,
      {
        retryAfterMs: 1000,
        cause: new Error(lastWords === "" ? why : lastWords),
      },
    );
    this.#loaded.reject(this.#failure);
    for (const call of this.#calls.values()) call.fail(this.#failure);
    for (const question of this.#questions.values()) question.reject(this.#failure);
    this.#questions.clear();
    return this.#isStopping ? undefined : { why, lastWords };
  }
}

/** What an event takes while its reader is slow. */
function bytesOf(event: EngineEvent): number {
  if (event.type === "text")
    return Buffer.byteLength(event.text) + (event.logprobs === undefined ? 0 : JSON.stringify(event.logprobs).length);
  if (event.type === "reasoning") return Buffer.byteLength(event.text);
  return event.type === "tool-call" ? Buffer.byteLength(event.arguments) : 0;
}

/** The library's words may name the file; callers are told no path of this machine. */
function loadFault({ model, load }: EngineOptions, error: ConnectError): ConnectError {
  const why = error.rawMessage.replaceAll(load.modelPath, basename(load.modelPath));
  return fault("engine_failed", `model "${model}" cannot be loaded: ${why}`, { cause: error });
}

/** Of a message that may be anything: the rest of it may hold an answer. */
function typeOf(message: unknown): string {
  const type = typeof message === "object" && message !== null && "type" in message ? message.type : undefined;
  return typeof type === "string" ? type.slice(0, 40) : "without a type";
}

function unknown(message: never): never {
  throw new TypeError(`there is no message of type ${typeOf(message)}`);
}
