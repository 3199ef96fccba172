import { watch } from "node:fs";
import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { Clock } from "../core/ports.ts";

/** How often a file is looked at where the system gives no events: a network disk, a folder that is not there yet. */
const lookMs = 2000;

/** Resolves when it watches. Calls back when a file appears, changes, is replaced (by a link too, as Kubernetes does), or goes; the answer stops that. */
export async function watchFile(file: string, clock: Clock, onChange: () => void): Promise<() => void> {
  let isStopped = false;
  let cancel = () => {};
  let last = await signatureOf(file);
  const hear = () => void look();
  let close = listen(dirname(file), hear);
  const look = async () => {
    const now = await signatureOf(file);
    if (isStopped) return;
    close ??= listen(dirname(file), hear);
    if (now === last) return;
    last = now;
    onChange();
  };
  const again = () => {
    cancel = clock.after(lookMs, () => {
      void look();
      again();
    });
  };
  again();
  return () => {
    isStopped = true;
    cancel();
    close?.();
  };
}

/** Listens to a folder; undefined where that is not possible. */
function listen(folder: string, onEvent: () => void): (() => void) | undefined {
  try {
    const watcher = watch(folder, { persistent: false }, onEvent);
    // It is looked at anyhow.
    watcher.on("error", () => watcher.close());
    return () => watcher.close();
  } catch {
    return undefined;
  }
}

async function signatureOf(file: string): Promise<string> {
  try {
    const { ino, size, mtimeMs, ctimeMs } = await stat(file);
    return [ino, size, mtimeMs, ctimeMs].join(":");
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}
