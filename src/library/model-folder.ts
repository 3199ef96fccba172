import type { Clock, Log } from "../core/ports.ts";
import type { Catalog } from "./catalog.ts";
import { modelTable, type ModelTable } from "./model-table.ts";
import { folderScan } from "./scan-folder.ts";
import type { VerifiedHashes } from "./verified-hashes.ts";
import { watchFolder } from "./watch-folder.ts";

/** What a folder of models is opened with. */
export interface ModelFolderOptions {
  readonly directory: string;
  readonly catalog: Catalog;
  readonly hashes: VerifiedHashes;
  readonly clock: Clock;
  readonly log: Log;
}

/** The models of a folder, kept as the folder is. */
export interface ModelFolder {
  /** As of the last look. */
  table(): ModelTable;
  /** Looks now. */
  rescan(): Promise<void>;
  /** Called whenever a model appears, changes or goes; the answer stops that. */
  watch(listener: () => void): () => void;
  close(): void;
}

/** Opens a folder, looks at it once and watches it from then on. Throws what the file system throws. */
export async function openModelFolder({ directory, catalog, hashes, clock, log }: ModelFolderOptions): Promise<ModelFolder> {
  const scan = folderScan(directory, hashes);
  const listeners = new Set<() => void>();
  let table = modelTable([], catalog);
  let running: Promise<void> = Promise.resolve();
  let queued: Promise<void> | undefined;

  const look = async () => {
    const before = table.files;
    table = modelTable(await scan(), catalog);
    if (JSON.stringify(before) === JSON.stringify(table.files)) return;
    report(table, before, log);
    for (const listener of listeners) listener();
  };
  // One look at a time; a look that is asked for while one runs comes after it, for that one may have passed the file already.
  const rescan = () => {
    queued ??= running
      .catch(() => {})
      .then(() => {
        queued = undefined;
        running = look();
        return running;
      });
    return queued;
  };
  const lookInBackground = () => {
    rescan().catch((error: unknown) => log.warn("the model folder cannot be read; its models stay as they were", { directory, error }));
  };

  // Watching begins first: what comes between the two is then seen twice rather than never.
  const stop = watchFolder({ directory, clock, log, onChange: lookInBackground });
  try {
    await rescan();
  } catch (error) {
    stop();
    throw error;
  }
  return {
    rescan,
    table: () => table,
    watch(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: stop,
  };
}

function report({ files }: ModelTable, before: ModelTable["files"], log: Log): void {
  const known = new Map(before.map((file) => [file.id, file]));
  for (const { id, sizeBytes, problem, isAdapter } of files) {
    if (known.get(id)?.problem === problem) continue;
    if (isAdapter === true) log.debug("a LoRA adapter is on disk", { model: id, sizeBytes });
    else if (problem === "") log.info("a model is on disk", { model: id, sizeBytes });
    else log.warn("a model file cannot be served", { model: id, problem });
  }
}
