import { ModelState, type Model } from "../../gen/parley/v1/models_pb.ts";
import type { HealthBoard } from "./health-board.ts";
import type { Library, Log, Provider } from "../core/ports.ts";
import type { Directory } from "./directory.ts";

/** What readiness needs. */
export interface ReadinessOptions {
  readonly board: HealthBoard;
  readonly directory: Directory;
  readonly library: Pick<Library, "watch">;
  readonly local: Provider;
  readonly log: Log;
}

/** Keeps the health board true. */
export interface Readiness {
  /** Loads the default model, if it is one of this machine; the board says when it serves. */
  loadDefault(signal: AbortSignal): Promise<void>;
  /** Looks again, after the default has changed. */
  refresh(): Promise<void>;
  close(): void;
}

/** The service is ready once its default model is loaded, or echo was chosen; a model serves while it is loaded. */
export function readiness({ board, directory, library, local, log }: ReadinessOptions): Readiness {
  let known = new Set<string>();
  let isStale = false;
  let running: Promise<void> | undefined;

  const look = async (): Promise<void> => {
    const files = await local.listModels(AbortSignal.timeout(10_000));
    const ids = new Set(files.map(({ id }) => id));
    for (const id of known) if (!ids.has(id)) board.setModel(id, undefined);
    for (const { id, state } of files) board.setModel(id, state === ModelState.READY);
    known = ids;
    board.setNotReadyBecause(whyNot(directory, local, files));
  };
  /** Looks until nothing has changed meanwhile. */
  const loop = async (): Promise<void> => {
    while (isStale) {
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
    async loadDefault(signal) {
      await refresh();
      const target = defaultTarget(directory);
      if (target?.provider !== local.name || local.local === undefined) return;
      try {
        for await (const step of local.local.load(target.model, undefined, signal))
          log.debug("loading", { model: target.model, fractionDone: step.fractionDone });
      } catch (error) {
        if (!signal.aborted) log.error("the default model could not be loaded", { model: target.model, error });
      }
      await refresh();
    },
    close: () => stops.forEach((stop) => stop?.()),
  };
}

function defaultTarget(directory: Directory) {
  try {
    return directory.resolve("", "").targets[0];
  } catch {
    return undefined; // it is not on disk (yet); whyNot says so
  }
}

function whyNot(directory: Directory, local: Provider, files: readonly Model[]): string {
  const target = defaultTarget(directory);
  if (target === undefined) return `the default model ${directory.defaultModel() ?? ""} is not on disk`.replace("  ", " ");
  if (target.provider !== local.name) return "";
  const model = files.find(({ id }) => id === target.model);
  if (model?.state === ModelState.READY) return "";
  if (model?.state === ModelState.FAILED) return `model ${target.model} failed: ${model.problem}`;
  return `model ${target.model} is being loaded`;
}
