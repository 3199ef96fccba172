import { ModelState, type Model } from "../../gen/parley/v1/models_pb.ts";
import type { Clock, Library, Log, Provider } from "../core/ports.ts";
import { asFault, retryAfterMsOf } from "../core/reasons.ts";
import type { Directory } from "./naming/directory.ts";
import type { HealthBoard } from "./health-board.ts";

/** What readiness needs. */
export interface ReadinessOptions {
  readonly board: HealthBoard;
  readonly directory: Directory;
  readonly library: Pick<Library, "watch">;
  readonly local: Provider;
  readonly echo: Provider;
  readonly clock: Clock;
  readonly log: Log;
}

/** Keeps the health board true. */
export interface Readiness {
  /** Looks at what is there: at the start, and after the default has changed. */
  refresh(): Promise<void>;
  close(): void;
}

/** How long after a failed load the default model is loaded again, unless the failure says otherwise. */
const retryMs = 30_000;

/**
 * The service is ready once its default model is loaded, or at once where echo or an upstream answers by default: whether an upstream is well changes by the second, and no restart of this service mends it.
 * A model of this machine serves while it is loaded.
 * A default that was never loaded is loaded here, and one that failed is tried again: a balancer that heeds readiness would never send the request that loads it.
 */
export function readiness({ board, directory, library, local, echo, clock, log }: ReadinessOptions): Readiness {
  const closing = new AbortController();
  /** Models that were ready once: the next request loads them again. */
  const served = new Set<string>();
  let known: ReadonlySet<string> = new Set();
  let loading: string | undefined;
  let retrying: { readonly id: string; readonly cancel: () => void } | undefined;
  let isStale = false;
  let running: Promise<void> | undefined;

  const look = async (): Promise<void> => {
    const models = [...(await local.listModels(closing.signal)), ...(await echo.listModels(closing.signal))];
    for (const id of known) if (!models.some((model) => model.id === id)) board.setModel(id, undefined);
    for (const { id, state } of models) {
      if (state === ModelState.READY) served.add(id);
      board.setModel(id, state === ModelState.READY);
    }
    known = new Set(models.map(({ id }) => id));
    board.setNotReadyBecause(whyNot(models), defaultOf(models)?.state === ModelState.FAILED);
    bringDefault(models);
  };

  const whyNot = (models: readonly Model[]): string => {
    const target = defaultTarget(directory);
    if (target === undefined) return ["the default model", directory.defaultModel(), "is not on disk"].filter(Boolean).join(" ");
    if (target.provider !== local.name && target.provider !== echo.name) return "";
    const model = models.find(({ id }) => id === target.model);
    if (model?.state === ModelState.READY) return "";
    if (model?.state === ModelState.ON_DISK && served.has(model.id)) return ""; // unloaded meanwhile: the next request loads it
    if (model?.state === ModelState.FAILED) return `model ${target.model} failed: ${model.problem}`;
    return `model ${target.model} is being loaded`;
  };

  /** The default model, where it is one of this machine. */
  const defaultOf = (models: readonly Model[]): Model | undefined => {
    const target = defaultTarget(directory);
    return target?.provider === local.name ? models.find(({ id }) => id === target.model) : undefined;
  };

  /** Loads the default where nobody else will. */
  const bringDefault = (models: readonly Model[]): void => {
    const model = defaultOf(models);
    if (retrying !== undefined && retrying.id !== model?.id) stopRetrying();
    if (model === undefined || loading !== undefined || retrying !== undefined) return;
    if (model.state === ModelState.ON_DISK && !served.has(model.id)) void load(model.id);
    if (model.state === ModelState.FAILED) retryAfter(retryMs, model.id);
  };
  const retryAfter = (ms: number, id: string): void => {
    const again = () => {
      retrying = undefined;
      void load(id);
    };
    retrying = { id, cancel: clock.after(ms, again) };
  };
  const stopRetrying = (): void => {
    retrying?.cancel();
    retrying = undefined;
  };
  const load = async (id: string): Promise<void> => {
    if (local.local === undefined) return;
    loading = id;
    try {
      for await (const { fractionDone } of local.local.load(id, undefined, closing.signal))
        log.debug("loading", { model: id, fractionDone });
    } catch (error) {
      if (closing.signal.aborted) return;
      const waitMs = retryAfterMsOf(asFault(error)) ?? retryMs;
      log.error("the default model could not be loaded", { model: id, retryAfterMs: waitMs, error });
      retryAfter(waitMs, id);
    } finally {
      loading = undefined;
    }
    await refresh();
  };

  /** Looks until nothing has changed meanwhile. */
  const loop = async (): Promise<void> => {
    while (isStale && !closing.signal.aborted) {
      isStale = false;
      await look().catch((error: unknown) => log.error("models could not be listed", { error }));
    }
    running = undefined;
  };
  const refresh = (): Promise<void> => {
    isStale = true;
    running ??= loop();
    return running;
  };
  const stops = [local.local?.watch(() => void refresh()), library.watch(() => void refresh())];
  return {
    refresh,
    close() {
      closing.abort();
      stopRetrying();
      for (const stop of stops) stop?.();
    },
  };
}

function defaultTarget(directory: Directory) {
  try {
    return directory.resolve("", "").stops[0]?.target;
  } catch {
    return undefined; // it is not on disk (yet); whyNot says so
  }
}
