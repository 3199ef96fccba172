import type { Health, Serving } from "../core/ports.ts";

/** Health that its owner can change. */
export interface HealthBoard extends Health {
  /** Says whether a model serves; undefined forgets it. */
  setModel(id: string, isServing: boolean | undefined): void;
  /** Says why the service is not ready, and whether that is a failure rather than a wait; empty when it is. */
  setNotReadyBecause(why: string, hasFailed?: boolean): void;
  /** The service shuts down: nothing serves any more. */
  drain(): void;
}

/** Keeps the health of the service, of its RPC services and of its models. Starts as not ready. */
export function healthBoard(services: readonly string[]): HealthBoard {
  const models = new Map<string, boolean>();
  const listeners = new Set<() => void>();
  let isDraining = false;
  let why = "starting";
  let failed = false;
  const changed = () => listeners.forEach((listener) => listener());
  const serving = (is: boolean): Serving => (is && !isDraining ? "SERVING" : "NOT_SERVING");
  const statuses = (): Map<string, Serving> =>
    new Map([
      ["", serving(why === "")],
      ...services.map((name) => [name, serving(true)] as const),
      ...[...models].map(([id, is]) => [`model:${id}`, serving(is)] as const),
    ]);
  return {
    status: (name) => statuses().get(name),
    statuses,
    watch(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    isReady: () => why === "" && !isDraining,
    notReadyBecause: () => (isDraining ? "shutting down" : why),
    setModel(id, isServing) {
      if (models.get(id) === isServing) return;
      if (isServing === undefined) models.delete(id);
      else models.set(id, isServing);
      changed();
    },
    hasFailed: () => failed,
    setNotReadyBecause(reason, hasFailed = false) {
      failed = hasFailed;
      if (why === reason) return;
      why = reason;
      changed();
    },
    drain() {
      isDraining = true;
      changed();
    },
  };
}
