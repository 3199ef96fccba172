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

/** The engine of one model through loads, crashes and unloads. */
export interface ModelEngine {
  /** How it stands, for people and lists. */
  readonly status: { readonly state: ModelState; readonly problem: string; readonly about: EngineModel | undefined };
  /** Of the load that runs, 0 to 1. */
  readonly fractionDone: number;
  /** The loaded model; loads it when need be, and then all callers wait for the same load. Throws `engine_failed`. */
  ready(signal: AbortSignal): Promise<Ready>;
  /** Ends it after its calls have ended. */
  unload(): Promise<void>;
  /** Ends it now. */
  close(): Promise<void>;
  loading(fractionDone: number): void;
  /** A call has ended and no other runs. */
  idle(): void;
}

/** What a model's engine needs. */
export interface ModelEngineOptions {
  readonly model: string;
  readonly clock: Clock;
  readonly start: () => Engine;
  /** After so long without a call it is unloaded; 0: never. */
  readonly keepAliveMs: () => number;
  readonly onChange: () => void;
  /** It is loaded, by which process; or not any more. */
  readonly onLoaded: (isLoaded: boolean, pid: number | undefined) => void;
  readonly onCrash: (why: string) => void;
}

type State =
  | { readonly is: "idle" }
  | { readonly is: "loading"; readonly engine: Engine | undefined; readonly ready: Promise<Ready> }
  | { readonly is: "ready"; readonly ready: Ready; readonly sinceMs: number }
  | { readonly is: "unloading"; readonly done: Promise<void> }
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

/** An engine that is not loaded yet. */
export function modelEngine(options: ModelEngineOptions): ModelEngine {
  const { model, clock } = options;
  let state: State = { is: "idle" };
  let fractionDone = 0;
  let crashes = 0;
  let cancelTimer = () => {};
  let onIdle = () => {};

  const become = (next: State) => {
    const wasLoaded = state.is === "ready";
    cancelTimer();
    cancelTimer = () => {};
    state = next;
    const ready = next.is === "ready" ? next.ready : undefined;
    if (wasLoaded !== (ready !== undefined)) options.onLoaded(ready !== undefined, ready?.engine.pid);
    options.onChange();
  };

  const failed = (error: ConnectError) => {
    crashes++;
    become({ is: "failed", error, retryAtMs: clock.now() + backoffMs(crashes) });
  };

  const begin = (): Promise<Ready> => {
    fractionDone = 0;
    const engine = options.start();
    const ready = engine.loaded.then((about) => ({ engine, about }));
    const loading: State = { is: "loading", engine, ready };
    become(loading);
    ready.then(
      (loaded) => {
        if (state !== loading) return;
        become({ is: "ready", ready: loaded, sinceMs: clock.now() });
        restIfIdle();
      },
      async (error: unknown) => {
        if (state === loading) failed(asFault(error));
        await engine.stop();
      },
    );
    void engine.ended.then((why) => {
      if (why !== undefined && state.is === "ready" && state.ready.engine === engine) crashed(why, state.sinceMs);
    });
    return ready;
  };

  /** The process has ended by itself: the model serves again by itself, at once the first time. */
  const crashed = (why: string, sinceMs: number) => {
    crashes = clock.now() - sinceMs < loopMs ? crashes + 1 : 1;
    options.onCrash(why);
    if (crashes >= mostCrashes) {
      const problem = `the process of model "${model}" has failed ${crashes} times in a row: ${why}`;
      become({ is: "failed", error: fault("engine_failed", problem), retryAtMs: clock.now() + backoffMs(crashes) });
      return;
    }
    if (crashes === 1) void begin();
    else beginLater();
  };

  const beginLater = () => {
    const again = Promise.withResolvers<Ready>();
    again.promise.catch(() => {});
    become({ is: "loading", engine: undefined, ready: again.promise });
    const cancel = clock.after(backoffMs(crashes - 1), () => {
      cancelTimer = () => {};
      again.resolve(begin());
    });
    cancelTimer = () => {
      cancel();
      again.reject(fault("engine_failed", `model "${model}" is not loaded any more`));
    };
  };

  const restIfIdle = () => {
    onIdle();
    if (state.is !== "ready" || state.ready.engine.calls > 0) return;
    cancelTimer();
    cancelTimer = () => {};
    const keepAliveMs = options.keepAliveMs();
    if (keepAliveMs > 0) cancelTimer = clock.after(keepAliveMs, () => void unload());
  };

  const isUnloading = () => state.is === "unloading";

  const ready = async (signal: AbortSignal): Promise<Ready> => {
    switch (state.is) {
      case "ready":
        cancelTimer();
        return state.ready;
      case "loading":
        return untilAborted(state.ready, signal);
      case "unloading":
        await untilAborted(state.done, signal);
        return ready(signal);
      case "failed": {
        const waitMs = state.retryAtMs - clock.now();
        if (waitMs > 0) throw fault("engine_failed", state.error.rawMessage, { retryAfterMs: waitMs, cause: state.error });
        return untilAborted(begin(), signal);
      }
      case "idle":
        return untilAborted(begin(), signal);
      case "closed":
        throw fault("draining", "the service is shutting down");
      default:
        return unreachable(state);
    }
  };

  const unload = async (): Promise<void> => {
    if (state.is === "loading") {
      await state.ready.catch(() => {});
      return unload();
    }
    if (state.is === "unloading") return state.done;
    if (state.is === "failed") become({ is: "idle" });
    if (state.is !== "ready") return undefined;
    const { engine } = state.ready;
    const done = (async () => {
      if (engine.calls > 0) await Promise.race([new Promise<void>((resolve) => (onIdle = resolve)), engine.ended]);
      await engine.stop();
      crashes = 0;
      if (isUnloading()) become({ is: "idle" });
    })();
    become({ is: "unloading", done });
    return done;
  };

  return {
    get status() {
      const about = state.is === "ready" ? state.ready.about : undefined;
      return { state: modelStates[state.is], problem: state.is === "failed" ? state.error.rawMessage : "", about };
    },
    get fractionDone() {
      return state.is === "ready" ? 1 : fractionDone;
    },
    ready,
    unload,
    async close() {
      const before = state;
      become({ is: "closed" });
      if (before.is === "loading") await before.engine?.stop();
      if (before.is === "ready") await before.ready.engine.stop();
      if (before.is === "unloading") await before.done;
    },
    loading(fraction) {
      fractionDone = fraction;
      options.onChange();
    },
    idle: restIfIdle,
  };
}

function backoffMs(crashes: number): number {
  return Math.min(mostBackoffMs, 1000 * 2 ** Math.max(0, crashes - 1));
}

function unreachable(state: never): never {
  throw new TypeError(`there is no such state: ${JSON.stringify(state)}`);
}
