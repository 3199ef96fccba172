import type { ConnectError } from "@connectrpc/connect";
import { ModelState } from "../../../gen/parley/v1/models_pb.ts";
import type { EngineModel } from "../../engine/protocol.ts";
import type { Engine } from "./engine.ts";

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

/** What callers are told of it. */
export const modelStates: Readonly<Record<EngineState["is"], ModelState>> = {
  idle: ModelState.ON_DISK,
  loading: ModelState.LOADING,
  ready: ModelState.READY,
  unloading: ModelState.READY,
  failed: ModelState.FAILED,
  closed: ModelState.ON_DISK,
};
