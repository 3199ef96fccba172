import type { ConnectError } from "@connectrpc/connect";
import type { Limits } from "../../core/limits.ts";
import type { Clock, EngineObserver } from "../../core/ports.ts";
import { fault } from "../../core/reasons.ts";
import { abortFault, throwIfAborted } from "../../core/signals.ts";
import {
  errorFromEngine,
  type EngineEvent,
  type EngineLoad,
  type EngineModel,
  type EnginePrompt,
  type EngineRequest,
  type FromEngine,
} from "../../engine/protocol.ts";
import { channel, type Channel } from "./channel.ts";
import { startEngine } from "./engine-process.ts";

/** One loaded model, or one that loads, in its process. */
export interface Engine {
  /** Resolves when the model is loaded. Rejects with `engine_failed` when it cannot be, or the process ends before. */
  readonly loaded: Promise<EngineModel>;
  readonly pid: number | undefined;
  /** Calls that run. */
  readonly calls: number;
  /** Runs one request; ends after `completed`, throws what failed. Leaving it early frees its sequences. */
  generate(request: EngineRequest, signal: AbortSignal): AsyncIterable<EngineEvent>;
  /** Tokens of a prompt. */
  count(prompt: EnginePrompt, signal: AbortSignal): Promise<number>;
  /** Ends the process: it is asked first, and killed when it does not heed. */
  stop(): Promise<void>;
  /** Resolves when the process has ended: why, for people; undefined when `stop` ended it. */
  readonly ended: Promise<string | undefined>;
}

/** What an engine is started with. */
export interface EngineOptions {
  /** Id of the model. */
  readonly model: string;
  readonly load: EngineLoad;
  readonly limits: Limits;
  readonly clock: Clock;
  readonly observer: EngineObserver;
  readonly onLoading: (fractionDone: number) => void;
  /** Its last call has ended. */
  readonly onIdle: () => void;
}

type Pending = { readonly resolve: (tokens: number) => void; readonly reject: (error: Error) => void };
/** A process that has been asked to end gets so long, ms. */
const graceMs = 5000;

/** Starts a process and has it load the model. */
export function engine(options: EngineOptions): Engine {
  const { model, load, limits, clock, observer } = options;
  const calls = new Map<number, Channel<EngineEvent>>();
  const counts = new Map<number, Pending>();
  const loaded = Promise.withResolvers<EngineModel>();
  loaded.promise.catch(() => {});
  let nextId = 1;
  let failure: ConnectError | undefined;
  let isStopping = false;
  let complaint = "";

  const fail = (error: ConnectError) => {
    failure = error;
    loaded.reject(error);
    for (const call of calls.values()) call.fail(error);
    for (const { reject } of counts.values()) reject(error);
    counts.clear();
  };

  const receive = (message: FromEngine) => {
    heart.heard();
    switch (message.type) {
      case "loading":
        return options.onLoading(message.fractionDone);
      case "loaded":
        return loaded.resolve(message.model);
      case "load-failed":
        return loaded.reject(loadFault(model, errorFromEngine(message.error)));
      case "tick":
        return tell(message);
      case "counted":
        return settle(message.id)?.resolve(message.promptTokens);
      case "count-failed":
        return settle(message.id)?.reject(errorFromEngine(message.error));
      case "pong":
        return;
    }
  };

  const tell = ({ events, decodes, queued }: Extract<FromEngine, { type: "tick" }>) => {
    for (const [busy, active] of decodes) observer.decoded(model, busy, active);
    if (queued !== undefined) observer.queued(model, queued);
    for (const [id, event] of events) {
      if (event.type === "admitted") observer.waited(model, event.queueMs);
      const call = calls.get(id);
      if (event.type === "failed") call?.fail(errorFromEngine(event.error));
      else call?.push(event, event.type === "text" ? Buffer.byteLength(event.text) : 0);
      if (event.type === "completed") call?.end();
    }
  };

  const settle = (id: number) => {
    const pending = counts.get(id);
    counts.delete(id);
    return pending;
  };

  const child = startEngine(receive);
  const heart = heartbeat({
    clock,
    silenceMs: limits.engineSilenceMs,
    ping: () => child.send({ type: "ping" }),
    onSilence: () => {
      complaint = `it did not answer for ${limits.engineSilenceMs} ms and was killed`;
      child.kill();
    },
  });
  child.send({ type: "load", load });
  const cancelLoadLimit = clock.after(limits.engineLoadMs, () => {
    complaint = `it did not load the model within ${limits.engineLoadMs} ms and was killed`;
    child.kill();
  });
  loaded.promise.then(cancelLoadLimit, cancelLoadLimit);
  const ended = child.exited.then(({ how, lastLine }) => {
    heart.stop();
    const why = complaint === "" ? `it ended with ${how}${lastLine === "" ? "" : ` (${lastLine})`}` : complaint;
    fail(fault("engine_failed", `the process of model "${model}" failed: ${why}; try again`, { retryAfterMs: 1000 }));
    return isStopping ? undefined : why;
  });

  async function* generate(request: EngineRequest, signal: AbortSignal): AsyncGenerator<EngineEvent, void, undefined> {
    throwIfAborted(signal);
    if (failure !== undefined) throw failure;
    const id = nextId++;
    const call = channel<EngineEvent>({
      maxBytes: limits.streamBufferBytes,
      onFull: () => child.send({ type: "pause", id }),
      onDrained: () => child.send({ type: "resume", id }),
    });
    let isOver = false;
    const cancel = () => {
      if (!isOver) child.send({ type: "cancel", id });
      isOver = true;
    };
    const onAbort = () => {
      cancel();
      call.fail(abortFault(signal));
    };
    signal.addEventListener("abort", onAbort, { once: true });
    calls.set(id, call);
    child.send({ type: "generate", id, request });
    try {
      for (let event = await call.next(); event !== undefined; event = await call.next()) {
        if (event.type === "completed") isOver = true;
        yield event;
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
      cancel();
      calls.delete(id);
      if (calls.size === 0) options.onIdle();
    }
  }

  return {
    loaded: loaded.promise,
    pid: child.pid,
    get calls() {
      return calls.size;
    },
    generate,
    count(prompt, signal) {
      throwIfAborted(signal);
      if (failure !== undefined) return Promise.reject(failure);
      const id = nextId++;
      const { promise, resolve, reject } = Promise.withResolvers<number>();
      counts.set(id, { resolve, reject });
      child.send({ type: "count", id, prompt });
      return promise;
    },
    async stop() {
      isStopping = true;
      child.send({ type: "shutdown" });
      const cancelKill = clock.after(graceMs, () => child.kill());
      await ended;
      cancelKill();
    },
    ended,
  };
}

function loadFault(model: string, error: ConnectError): ConnectError {
  return fault("engine_failed", `model "${model}" cannot be loaded: ${error.rawMessage}`, { cause: error });
}

interface Heartbeat {
  /** The process has said something. */
  heard(): void;
  stop(): void;
}

interface HeartbeatOptions {
  readonly clock: Clock;
  readonly silenceMs: number;
  readonly ping: () => void;
  readonly onSilence: () => void;
}

/** Pings so often that silence means that the process is stuck. */
function heartbeat({ clock, silenceMs, ping, onSilence }: HeartbeatOptions): Heartbeat {
  let heardMs = clock.now();
  let cancel = () => {};
  const beat = () => {
    if (clock.now() - heardMs > silenceMs) return onSilence();
    ping();
    cancel = clock.after(silenceMs / 3, beat);
  };
  cancel = clock.after(silenceMs / 3, beat);
  return {
    heard: () => (heardMs = clock.now()),
    stop: () => cancel(),
  };
}
