import type { ConnectError } from "@connectrpc/connect";
import { ModelState } from "../../../gen/parley/v1/models_pb.ts";
import type { Clock } from "../../core/ports.ts";
import { metadataOf } from "../../core/error-facts.ts";
import { lastLineFact } from "../../core/last-line.ts";
import { fault, reasonOf } from "../../core/reasons.ts";
import type { EngineModel } from "../../engine/protocol/load.ts";
import type { Engine, EngineCrash } from "./engine.ts";
import { lastNativeLine } from "./native-line.ts";

/** A model that is loaded. */
export interface Ready {
  readonly engine: Engine;
  readonly about: EngineModel;
}

/** A loaded model in somebody's hands: it stays loaded until all leases are given back. */
export interface Lease extends Ready {
  /** Gives it back; must be called once the work is over. */
  readonly release: () => void;
}

/** What a model's engine needs. */
export interface ModelEngineOptions {
  readonly model: string;
  readonly clock: Clock;
  /** Starts a process that loads the model. */
  readonly start: () => Engine;
  /** After so long without a lease it is unloaded; 0: never. */
  readonly keepAliveMs: () => number;
  readonly onChange: () => void;
  /** It is loaded; or (undefined) not any more. */
  readonly onLoaded: (ready: Ready | undefined) => void;
  /** Nobody has it in hand any more. */
  readonly onIdle: () => void;
  readonly onCrash: (crash: EngineCrash) => void;
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

/** Where a model's engine is. */
export type EngineState =
  | { readonly is: "idle" }
  /** `engine` is undefined while a restart waits. */
  | { readonly is: "loading"; readonly engine: Engine | undefined; readonly ready: Promise<Ready> }
  | { readonly is: "ready"; readonly ready: Ready; readonly sinceMs: number }
  | { readonly is: "unloading"; readonly engine: Engine; readonly done: Promise<void> }
  | { readonly is: "failed"; readonly error: ConnectError; readonly retryAtMs: number }
  | { readonly is: "closed" };

const modelStates: Readonly<Record<EngineState["is"], ModelState>> = {
  idle: ModelState.ON_DISK,
  loading: ModelState.LOADING,
  ready: ModelState.READY,
  unloading: ModelState.READY,
  failed: ModelState.FAILED,
  closed: ModelState.ON_DISK,
};

/** Throws why a model failed, if it is too soon to try again. */
export function refuseTooSoon({ error, retryAtMs }: Extract<EngineState, { is: "failed" }>, nowMs: number): void {
  const waitMs = retryAtMs - nowMs;
  if (waitMs <= 0) return;
  // It would fit no better: no time is told after which to try again.
  if (reasonOf(error) === "model_too_large" || reasonOf(error) === "invalid_request") throw error;
  throw fault(reasonOf(error), error.rawMessage, { retryAfterMs: waitMs, cause: error, metadata: metadataOf(error) });
}

/** A model whose process has crashed so often in a row. */
export function hopeless(model: string, failures: number, { why, lastWords }: EngineCrash): ConnectError {
  const metadata = lastLineFact(lastNativeLine(lastWords));
  return fault("engine_failed", `the process of model "${model}" has failed ${failures} times in a row: ${why}`, { metadata });
}

/** What callers are told of it. */
export function statusOf(state: EngineState): ModelStatus {
  return {
    state: modelStates[state.is],
    problem: state.is === "failed" ? state.error.rawMessage : "",
    about: state.is === "ready" ? state.ready.about : undefined,
  };
}

/** The process that there is, if there is one. */
export function engineOf(state: EngineState): Engine | undefined {
  if (state.is === "ready") return state.ready.engine;
  return state.is === "loading" || state.is === "unloading" ? state.engine : undefined;
}

/** A load that failed before it began; nobody needs to wait for it. */
export function refused(error: unknown): Promise<Ready> {
  const ready = Promise.reject<Ready>(error);
  ready.catch(() => {});
  return ready;
}
