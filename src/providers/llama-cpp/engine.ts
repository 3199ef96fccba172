import type { ConnectError } from "@connectrpc/connect";
import { basename } from "node:path";
import type { Limits } from "../../core/limits.ts";
import type { Clock, EngineObserver, Log } from "../../core/ports.ts";
import { lastLineFact } from "../../core/last-line.ts";
import { fault, reasonOf } from "../../core/reasons.ts";
import { errorFromEngine } from "../../engine/protocol/errors.ts";
import type { EngineEvent } from "../../engine/protocol/events.ts";
import type { EngineEstimate, EngineLoad, EngineModel } from "../../engine/protocol/load.ts";
import type { FromEngine } from "../../engine/protocol/messages.ts";
import type { EngineAnswer, EngineQuestion, EngineQuestionType } from "../../engine/protocol/questions.ts";
import type { EngineRequest } from "../../engine/protocol/request.ts";
import { EngineCalls } from "./engine-calls.ts";
import { startEngine, type EngineExit, type EngineProcess } from "./engine-process.ts";
import { heartbeat, type Heartbeat } from "./heartbeat.ts";
import { memoryCeiling, ownMemory } from "./memory-ceiling.ts";
import { lastNativeLine } from "./native-line.ts";
import { Quarantine } from "./quarantine.ts";
import { libuvThreads } from "./vector-load.ts";

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
  /** Its process has taken more memory than it may, and goes on: called once, with the facts for the log. */
  readonly onOvergrown?: (facts: Readonly<Record<string, number>>) => void;
  /** Requests that crashed engines; one of its own unless said otherwise. */
  readonly quarantine?: Quarantine;
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
  readonly #calls: EngineCalls;
  readonly #loaded = Promise.withResolvers<EngineModel>();
  /** Stops the clock of the load. */
  #stopLoadClock = () => {};
  /** As the process said it last, where the system does not tell. */
  #reportedBytes: number | undefined;
  #isStopping = false;
  #isEstimated = false;
  /** Why we have killed it. */
  #complaint = "";
  /** Resolves when the process has ended: how; undefined when `stop` ended it. */
  readonly ended: Promise<EngineCrash | undefined>;

  constructor(options: EngineOptions) {
    this.#options = options;
    const { clock, limits, load, log, model, program } = options;
    this.#child = startEngine({
      program,
      libuvThreads: libuvThreads(load),
      givesWay: load.givesWay,
      onMessage: (message) => this.#receive(message),
      onNonsense: (what) => this.#kill(`it said something that is not in the protocol (${what}) and was killed`),
      onLine: (line) => log.debug("a model's process says", { model, line }),
    });
    const quarantine = options.quarantine ?? new Quarantine(options);
    this.#calls = new EngineCalls({ ...options, quarantine, send: (message) => this.#child.send(message) });
    const { engineSilenceMs, engineHeaderMs, engineLoadMs } = limits;
    this.#heart = heartbeat({
      clock,
      silenceMs: engineSilenceMs,
      ping: () => this.#child.send({ type: "ping" }),
      onSilence: () => this.#kill(`it did not answer for ${engineSilenceMs} ms and was killed`),
    });
    this.ended = this.#child.exited.then((exit) => this.#onExit(exit));
    this.#child.send({ type: "load", load });
    // It says what the model takes before it loads it, which no honest file makes long.
    this.#startLoadClock("read the model's header", Math.min(engineHeaderMs, engineLoadMs));
    const stop = () => this.#stopLoadClock();
    this.loaded.then(stop, stop);
    this.loaded.then(
      () => this.#watchMemory(),
      () => {},
    );
  }

  /** Resolves when the model is loaded. Rejects with `engine_failed` when it cannot be, or the process ends before. */
  get loaded(): Promise<EngineModel> {
    return this.#loaded.promise;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Runs one request; ends after `completed`, throws what failed. Leaving it early frees its sequences. */
  generate(request: EngineRequest, signal: AbortSignal): AsyncIterable<EngineEvent> {
    return this.#calls.generate(request, signal);
  }

  /** Asks what is answered once. */
  ask<Type extends EngineQuestionType>(question: EngineQuestion<Type>, signal: AbortSignal): Promise<EngineAnswer<Type>> {
    return this.#calls.ask(question, signal);
  }

  /** Ends the process: it is asked first, and killed when it does not heed. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#child.send({ type: "shutdown" });
    const cancelKill = this.#options.clock.after(graceMs, () => this.#child.kill());
    await this.ended;
    cancelKill();
  }

  #startLoadClock(what: string, ms: number): void {
    const onLate = () => this.#kill(`it did not ${what} within ${ms} ms and was killed`);
    this.#stopLoadClock = this.#options.clock.after(ms, onLate);
  }

  #onEstimated(estimate: EngineEstimate): void {
    if (this.#isEstimated) throw new TypeError("it has said before what it would take");
    this.#isEstimated = true;
    void this.#proceed(estimate);
  }

  /** Lets the process load one of the sizes. Waiting for room takes none of the time that a load has. */
  async #proceed(estimate: EngineEstimate): Promise<void> {
    const { choose, limits } = this.#options;
    this.#stopLoadClock();
    try {
      const size = (await choose?.(estimate)) ?? 0;
      this.#startLoadClock("load the model", limits.engineLoadMs);
      this.#child.send({ type: "proceed", size });
    } catch (error) {
      this.#loaded.reject(error);
    }
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
        return this.#onEstimated(message.estimate);
      case "loading":
        return this.#options.onLoading(message.fractionDone);
      case "loaded":
        return this.#loaded.resolve(message.model);
      case "load-failed":
        // Its last line came by another pipe, and has been read by the end of this turn.
        return void setImmediate(() => this.#loaded.reject(this.#loadFault(errorFromEngine(message.error))));
      case "trouble":
        return this.#options.log.warn("a model's process has trouble", { model: this.#options.model, what: message.what });
      case "pong":
        return this.#onPong(message);
      default:
        return this.#calls.receive(message);
    }
  }

  #onPong({ memoryBytes, stepMs = 0 }: Extract<FromEngine, { type: "pong" }>): void {
    const { engineStepMs } = this.#options.limits;
    if (stepMs > engineStepMs) return this.#kill(`a step of it took longer than ${engineStepMs} ms and it was killed`);
    this.#reportedBytes = memoryBytes;
    this.#calls.onPong();
  }

  #watchMemory(): void {
    const { clock, limits, onOvergrown } = this.#options;
    // What was said while it loaded is no beginning to count from.
    this.#reportedBytes = undefined;
    const stop = memoryCeiling({
      clock,
      growthBytes: limits.engineGrowthBytes,
      read: async () => (await ownMemory(this.pid)) ?? this.#reportedBytes,
      onPassed: (bytes, ceilingBytes) => onOvergrown?.({ bytes, ceilingBytes }),
    });
    void this.ended.then(stop);
  }

  #kill(why: string): void {
    this.#complaint = why;
    this.#child.kill();
  }

  /** The library's words may name files; callers are told no path of this machine. */
  #loadFault(error: ConnectError): ConnectError {
    // It names the option that is at fault, and no file.
    if (reasonOf(error) === "invalid_request") return error;
    const { model, load } = this.#options;
    const paths = [load.modelPath, ...(load.loraAdapters ?? []).map(({ path }) => path)];
    const why = paths.reduce((words, path) => words.replaceAll(path, basename(path)), error.rawMessage);
    const metadata = lastLineFact(lastNativeLine(this.#child.lastWords()));
    return fault("engine_failed", `model "${model}" cannot be loaded: ${why}`, { cause: error, metadata });
  }

  /** Ends all calls at once; answers why it ended, if nobody asked it to. */
  #onExit({ how, lastWords }: EngineExit): EngineCrash | undefined {
    const why = this.#complaint || `it ended with ${how}`;
    const { model, observer, log } = this.#options;
    this.#heart.stop();
    observer.queued(model, 0);
    const failure = fault(
      "engine_failed",
      `the process of model "${model}" failed: ${why}; try again, and ask the operator if it fails again`,
      {
        retryAfterMs: 1000,
        cause: new Error(lastWords === "" ? why : lastWords),
        metadata: lastLineFact(lastNativeLine(lastWords)),
      },
    );
    this.#loaded.reject(failure);
    const refused = this.#calls.end(failure, !this.#isStopping);
    if (refused > 0) log.warn("requests that end a model's process again and again are refused for a while", { model, requests: refused });
    return this.#isStopping ? undefined : { why, lastWords };
  }
}

/** Of a message that may be anything: the rest of it may hold an answer. */
function typeOf(message: unknown): string {
  const type = typeof message === "object" && message !== null && "type" in message ? message.type : undefined;
  return typeof type === "string" ? type.slice(0, 40) : "without a type";
}
