import { watch } from "node:fs";
import type { Clock, Log } from "../core/ports.ts";

/** What to watch, and whom to tell. */
export interface FolderWatch {
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Called after model files changed: once they have been quiet for a moment, and every two seconds while they are not. */
  readonly onChange: () => void;
}

const quietMs = 100;
const busyMs = 2000;
const withoutEventsMs = 30_000;

/** Watches the model files of a folder; the answer stops that. Where the system gives no events (a network disk, no watches left), it looks twice a minute. */
export function watchFolder({ directory, clock, log, onChange }: FolderWatch): () => void {
  let cancelTimer = () => {};
  let waitingSinceMs: number | undefined;
  const schedule = () => {
    waitingSinceMs ??= clock.now();
    const restMs = waitingSinceMs + busyMs - clock.now();
    cancelTimer();
    cancelTimer = clock.after(Math.max(0, Math.min(quietMs, restMs)), () => {
      waitingSinceMs = undefined;
      onChange();
    });
  };
  const lookAgain = () => {
    cancelTimer = clock.after(withoutEventsMs, () => {
      onChange();
      lookAgain();
    });
  };
  const giveUp = (error: unknown) => {
    log.warn("the model folder cannot be watched; it is looked at twice a minute", { directory, error });
    cancelTimer();
    lookAgain();
  };
  let close = () => {};
  try {
    const watcher = watch(directory, { persistent: false }, (_event, file) => {
      if (file === null || file.endsWith(".gguf")) schedule();
    });
    watcher.on("error", giveUp);
    close = () => watcher.close();
  } catch (error) {
    giveUp(error);
  }
  return () => {
    close();
    cancelTimer();
  };
}
