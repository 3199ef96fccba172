import { stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ConnectError } from "@connectrpc/connect";
import { PullPhase, type PullModelResponse } from "../../gen/parley/v1/models_pb.ts";
import type { Limits } from "../core/limits.ts";
import type { Clock, Log } from "../core/ports.ts";
import { fault } from "../core/reasons.ts";
import { abortFault, throwIfAborted } from "../core/signals.ts";
import { fileKey } from "./file-key.ts";
import { tryLock, type FileLock } from "./file-lock.ts";
import type { ModelFolder } from "./model-folder.ts";
import { partPath } from "./part-file.ts";
import { pullFile } from "./pull.ts";
import { pullProgress } from "./pull-progress.ts";
import { SharedRun } from "./shared-run.ts";
import { sourcesOf, type PullTarget, type SourceSettings } from "./sources.ts";
import type { VerifiedHashes } from "./verified-hashes.ts";

/** What pulls need. */
export interface PullsOptions {
  readonly settings: SourceSettings;
  readonly folder: ModelFolder;
  readonly hashes: VerifiedHashes;
  readonly limits: Limits;
  readonly clock: Clock;
  readonly log: Log;
}

/** The pulls of a library: one for each file, however many want it. */
export interface Pulls {
  pull(target: PullTarget, signal: AbortSignal): AsyncGenerator<PullModelResponse, void, undefined>;
  isPulling(file: string): boolean;
  /** Aborts what runs, and keeps its bytes for a later pull. */
  close(): Promise<void>;
}

type Progress = AsyncGenerator<PullModelResponse, void, undefined>;

const lockPollMs = 250;

/** Makes the pulls of a library. */
export function modelPulls(options: PullsOptions): Pulls {
  const runs = new Map<string, SharedRun<PullModelResponse>>();
  const start = (target: PullTarget) => {
    const run = new SharedRun((signal) => pullOnce(target, options, signal));
    runs.set(target.file, run);
    const forget = () => {
      if (runs.get(target.file) === run) runs.delete(target.file);
    };
    void run.ended.then(forget);
    return run;
  };
  return {
    async *pull(target, signal) {
      const running = runs.get(target.file);
      // One that its last watcher has just left is about to end; a fresh one waits for its lock and goes on with its bytes.
      yield* (running === undefined || running.isAborted ? start(target) : running).watch(signal);
    },
    isPulling: (file) => runs.has(file),
    async close() {
      const ended = [...runs.values()].map((run) => {
        run.abort(fault("draining", "the model library is being closed"));
        return run.ended;
      });
      await Promise.all(ended);
    },
  };
}

/** Brings a file unless it is here. */
async function* pullOnce(target: PullTarget, options: PullsOptions, signal: AbortSignal): Progress {
  const path = join(options.settings.directory, target.file);
  try {
    await options.folder.rescan();
    // A folder that cannot be written may well hold what is asked for.
    if (!isHere(target, options.folder)) yield* pullAlone(target, path, { options, signal });
    const { size } = await stat(path);
    yield pullProgress({ model: target.id, phase: PullPhase.DONE, source: "", doneBytes: size, totalBytes: size });
  } catch (error) {
    throwIfAborted(signal);
    throw diskFault(error, target.id);
  }
}

interface Pulling {
  readonly options: PullsOptions;
  readonly signal: AbortSignal;
}

/** Brings a file, alone among all processes that share the folder. */
async function* pullAlone(target: PullTarget, path: string, { options, signal }: Pulling): Progress {
  const { folder, hashes, settings } = options;
  const lock = yield* takeLock(target, path, signal);
  try {
    await folder.rescan();
    if (isHere(target, folder)) return; // another process has brought it
    const until = AbortSignal.any([signal, lock.lost]);
    const sha256 = yield* pullFile({ ...options, target, path, sources: sourcesOf(target, settings) }, until);
    await hashes.put(fileKey(await stat(path, { bigint: true })), sha256);
    await folder.rescan();
  } finally {
    await lock.release();
  }
}

/** Waits while another process pulls the same file, and shows how far it is. */
async function* takeLock(target: PullTarget, path: string, signal: AbortSignal): AsyncGenerator<PullModelResponse, FileLock, undefined> {
  while (true) {
    throwIfAborted(signal);
    const lock = await tryLock(`${path}.lock`);
    if (lock !== undefined) return lock;
    const doneBytes = await stat(partPath(path)).then(
      ({ size }) => size,
      () => 0,
    );
    const amounts = { doneBytes, totalBytes: target.sizeBytes };
    yield pullProgress({ model: target.id, phase: PullPhase.DOWNLOADING, source: "another process", ...amounts });
    await delay(lockPollMs, undefined, { signal }).catch(() => {
      throw abortFault(signal);
    });
  }
}

/** Whether the file needs no pull. Throws `model_state` when another file has its name. */
function isHere({ id, file, sizeBytes, sha256 }: PullTarget, folder: ModelFolder): boolean {
  const present = folder.table().byFile.get(file);
  // What is broken or cut is pulled over.
  if (present === undefined || present.problem !== "") return false;
  const isSameSize = sizeBytes === undefined || sizeBytes === present.sizeBytes;
  const isSameHash = sha256 === undefined || present.sha256 === "" || sha256 === present.sha256;
  if (!isSameSize || !isSameHash)
    throw fault("model_state", `${file} is in the model folder with other bytes than ${id} has: remove or rename it first`);
  return true;
}

/** What is not one of ours already is the disk's. */
function diskFault(error: unknown, model: string): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  if (error instanceof ConnectError || code === undefined) return error;
  const text = code === "ENOSPC" ? "the model folder's disk is full: free some of it" : `the model folder cannot be written: ${message}`;
  return fault("pull_failed", `${model}: ${text}`, { cause: error });
}
