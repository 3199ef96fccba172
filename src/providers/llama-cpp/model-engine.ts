import type { ConnectError } from "@connectrpc/connect";
import { ModelState } from "../../../gen/parley/v1/models_pb.ts";
import type { Clock } from "../../core/ports.ts";
import { asFault, fault } from "../../core/reasons.ts";
import { untilAborted } from "../../core/signals.ts";
import type { EngineModel } from "../../engine/protocol.ts";
import type { Engine } from "./engine.ts";

/** A model that is loaded. */
export interface Ready {
  readonly engine: Engine;
  readonly about: EngineModel;
}

/** What a model's engine needs. */
export interface ModelEngineOptions {
  readonly model: string;
  readonly clock: Clock;
  /** Starts a process that loads the model. */
  readonly start: () => Engine;
  /** After so long without a call it is unloaded; 0: never. */
  readonly keepAliveMs: () => number;
  readonly onChange: () => void;
  /** It is loaded, by which process; or not any more. */
  readonly onLoaded: (isLoaded: boolean, pid: number | undefined) => void;
  readonly onCrash: (why: string) => void;
  /** It cannot be loaded, or is given up. */
  readonly onFailed: (problem: string) => void;
}

/** How a model stands, for people and lists. */
export interface ModelStatus {
  readonly state: ModelState;
  /** Why it failed; empty when it did not. */
  readonly problem: string;
  /** While it is loaded. */
  readonly about: EngineModel | undefined;
}

type State =
  | { readonly is: "idle" }
  /** `engine` is undefined while a restart waits. */
  | { readonly is: "loading"; readonly engine: Engine | undefined; readonly ready: Promise<Ready> }
  | { readonly is: "ready"; readonly ready: Ready; readonly sinceMs: number }
  | { readonly is: "unloading"; readonly engine: Engine; readonly done: Promise<void> }
  | { readonly is: "failed"; readonly error: ConnectError; readonly retryAtMs: number }
  | { readonly is: "closed" };

const modelStates: Readonly<Record<State["is"], ModelState>> = {
  idle: ModelState.ON_DISK,
  loading: ModelState.LOADING,
  ready: ModelState.READY,
  unloading: ModelState.READY,
  failed: ModelState.FAILED,
  closed: ModelState.ON_DISK,
};

/** A crash so soon after the load is one of a loop. */
const loopMs = 60_000;
/** After so many crashes in a loop the model is given up until somebody asks for it again. */
const mostCrashes = 3;
const mostBackoffMs = 30_000;

/** The engine of one model through loads, crashes and unloads. */
export class ModelEngine {
  readonly #options: ModelEngineOptions;
  #state: State = { is: "idle" };
  #fractionDone = 0;
  #crashes = 0;
  /** Ends what the present state waits for. */
  #cancelTimer = () => {};
  #onIdle = () => {};

  constructor(options: ModelEngineOptions) {
    this.#options = options;
  }

  get status(): ModelStatus {
    const state = this.#state;
    return {
      state: modelStates[state.is],
      problem: state.is === "failed" ? state.error.rawMessage : "",
      about: state.is === "ready" ? state.ready.about : undefined,
    };
  }

  /** Of the load that runs, 0 to 1. */
  get fractionDone(): number {
    return this.#state.is === "ready" ? 1 : this.#fractionDone;
  }

  /** The loaded model; loads it when need be, and then all callers wait for the same load. Throws `engine_failed`. */
  async ready(signal: AbortSignal): Promise<Ready> {
    const state = this.#state;
    switch (state.is) {
      case "ready":
        this.#cancelTimer();
        return state.ready;
      case "loading":
        return untilAborted(state.ready, signal);
      case "unloading":
        await untilAborted(state.done, signal);
        return this.ready(signal);
      case "failed":
        this.#refuseTooSoon(state);
        return untilAborted(this.#begin(), signal);
      case "idle":
        return untilAborted(this.#begin(), signal);
      case "closed":
        throw fault("draining", "the service is shutting down");
      default:
        return unknown(state);
    }
  }

  /** Ends it after its calls have ended. */
  async unload(): Promise<void> {
    const state = this.#state;
    if (state.is === "loading") {
      await state.ready.catch(() => {});
      await this.unload();
    } else if (state.is === "unloading") {
      await state.done;
    } else if (state.is === "failed") {
      this.#become({ is: "idle" });
    } else if (state.is === "ready") {
      const { engine } = state.ready;
      const done = this.#end(engine);
      this.#become({ is: "unloading", engine, done });
      await done;
    }
  }

  /** Ends it now. */
  async close(): Promise<void> {
    const before = this.#state;
    this.#become({ is: "closed" });
    if (before.is === "loading") await before.engine?.stop();
    if (before.is === "ready") await before.ready.engine.stop();
    if (before.is === "unloading") await before.engine.stop();
  }

  /** Its load has come so far. */
  loading(fractionDone: number): void {
    this.#fractionDone = fractionDone;
    this.#options.onChange();
  }

  /** A call has ended and no other runs. */
  idle(): void {
    this.#onIdle();
    if (this.#state.is !== "ready" || this.#state.ready.engine.calls > 0) return;
    this.#cancelTimer();
    this.#cancelTimer = () => {};
    const keepAliveMs = this.#options.keepAliveMs();
    if (keepAliveMs > 0) this.#cancelTimer = this.#options.clock.after(keepAliveMs, () => void this.unload());
  }

  #become(next: State): void {
    const wasLoaded = this.#state.is === "ready";
    this.#cancelTimer();
    this.#cancelTimer = () => {};
    this.#state = next;
    const ready = next.is === "ready" ? next.ready : undefined;
    if (wasLoaded !== (ready !== undefined)) this.#options.onLoaded(ready !== undefined, ready?.engine.pid);
    this.#options.onChange();
  }

  #begin(): Promise<Ready> {
    this.#fractionDone = 0;
    const engine = this.#options.start();
    const ready = engine.loaded.then((about) => ({ engine, about }));
    const loading: State = { is: "loading", engine, ready };
    this.#become(loading);
    const onLoaded = (loaded: Ready) => {
      if (this.#state !== loading) return;
      this.#become({ is: "ready", ready: loaded, sinceMs: this.#options.clock.now() });
      this.idle();
    };
    const onFailed = async (error: unknown) => {
      if (this.#state === loading) {
        this.#crashes++;
        this.#fail(asFault(error));
      }
      await engine.stop();
    };
    ready.then(onLoaded, onFailed);
    void engine.ended.then((why) => {
      const state = this.#state;
      if (why !== undefined && state.is === "ready" && state.ready.engine === engine) this.#crashed(why, state.sinceMs);
    });
    return ready;
  }

  /** The process has ended by itself: the model serves again by itself, the first time at once. */
  #crashed(why: string, sinceMs: number): void {
    const { clock, model, onCrash } = this.#options;
    this.#crashes = clock.now() - sinceMs < loopMs ? this.#crashes + 1 : 1;
    onCrash(why);
    if (this.#crashes >= mostCrashes) {
      const error = fault("engine_failed", `the process of model "${model}" has failed ${this.#crashes} times in a row: ${why}`);
      this.#fail(error);
    } else if (this.#crashes === 1) void this.#begin();
    else this.#beginLater();
  }

  #beginLater(): void {
    const again = Promise.withResolvers<Ready>();
    again.promise.catch(() => {});
    this.#become({ is: "loading", engine: undefined, ready: again.promise });
    const cancel = this.#options.clock.after(backoffMs(this.#crashes - 1), () => {
      this.#cancelTimer = () => {};
      again.resolve(this.#begin());
    });
    this.#cancelTimer = () => {
      cancel();
      again.reject(fault("draining", "the service is shutting down"));
    };
  }

  #fail(error: ConnectError): void {
    const { clock, onFailed } = this.#options;
    onFailed(error.rawMessage);
    this.#become({ is: "failed", error, retryAtMs: clock.now() + backoffMs(this.#crashes) });
  }

  #refuseTooSoon({ error, retryAtMs }: Extract<State, { is: "failed" }>): void {
    const waitMs = retryAtMs - this.#options.clock.now();
    if (waitMs > 0) throw fault("engine_failed", error.rawMessage, { retryAfterMs: waitMs, cause: error });
  }

  async #end(engine: Engine): Promise<void> {
    if (engine.calls > 0) await Promise.race([new Promise<void>((resolve) => (this.#onIdle = resolve)), engine.ended]);
    await engine.stop();
    this.#crashes = 0;
    if (this.#state.is === "unloading") this.#become({ is: "idle" });
  }
}

function backoffMs(crashes: number): number {
  return Math.min(mostBackoffMs, 1000 * 2 ** Math.max(0, crashes - 1));
}

function unknown(state: never): never {
  throw new TypeError(`there is no such state: ${JSON.stringify(state)}`);
}
