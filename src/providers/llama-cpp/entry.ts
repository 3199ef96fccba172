import { create, equals } from "@bufbuild/protobuf";
import { LoadOptionsSchema, ModelState, type LoadOptions } from "../../../gen/parley/v1/models_pb.ts";
import type { ModelFile } from "../../core/ports.ts";
import { fault } from "../../core/reasons.ts";
import type { Engine } from "./engine.ts";
import type { Holder } from "./memory-budget.ts";
import type { ModelEngine } from "./model-engine.ts";

/** The engines of a file. */
export interface Entry {
  readonly file: ModelFile;
  /** What the file is for. */
  readonly engine: ModelEngine;
  /** Makes vectors with a model that chats, in a process of its own that is started when they are asked for. */
  readonly vectors: ModelEngine | undefined;
  /** Of the last explicit load. */
  asked: LoadOptions | undefined;
  /** Of the last one that succeeded. */
  proven: LoadOptions | undefined;
}

/** All engines of a file. */
export function enginesOf({ engine, vectors }: Entry): readonly ModelEngine[] {
  return vectors === undefined ? [engine] : [engine, vectors];
}

/** What the processes of a file that are loaded take together, bytes; undefined when none is. */
export function memoryOf(entry: Entry): number | undefined {
  const abouts = enginesOf(entry).flatMap(({ status: { about } }) => (about === undefined ? [] : [about]));
  return abouts.length === 0 ? undefined : abouts.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
}

/** A loaded model keeps the options it was loaded with, but for how long it stays, which may be said alone: others need an unload first. */
export function adopt(entry: Entry, options: LoadOptions | undefined): void {
  const { engine, file, asked: before } = entry;
  const { state } = engine.status;
  if (options === undefined && state !== ModelState.ON_DISK) return stays(entry);
  const isFree = state === ModelState.ON_DISK || state === ModelState.FAILED;
  const asked = isFree ? options : withStay(before, options);
  const isSame = isSameLoad(asked, before);
  if (!isSame && !isFree) throw fault("model_state", `model "${file.id}" is loaded with other options: unload it first`);
  entry.asked = asked;
  if (!isSame) loadsOtherwise(entry);
  stays(entry);
}

/** Whatever was said of when it goes. */
function stays(entry: Entry): void {
  for (const each of enginesOf(entry)) each.keepAliveChanged();
}

/** What is loaded stays for so many seconds after its last call: 0, it goes with that call; Infinity, it stays. */
export function keep(entry: Entry, seconds: number): void {
  if (!enginesOf(entry).some(({ status }) => status.about !== undefined)) return;
  if (seconds > 0) {
    entry.asked = { ...(entry.asked ?? create(LoadOptionsSchema)), keepAliveSeconds: Number.isFinite(seconds) ? seconds : 0 };
    entry.proven = entry.asked;
  }
  for (const each of enginesOf(entry)) each.keepAliveChanged(seconds === 0);
}

/** Where nothing but how long a model stays is said, all else is as it was asked before. */
function withStay(before: LoadOptions | undefined, options: LoadOptions | undefined): LoadOptions | undefined {
  if (before === undefined || options?.keepAliveSeconds === undefined || !isSameLoad(options, undefined)) return options;
  return { ...before, keepAliveSeconds: options.keepAliveSeconds };
}

/** What has failed may load now; vectors are made as the model is loaded from their next call on. */
function loadsOtherwise({ engine, vectors }: Entry): void {
  engine.forgive();
  // It ends after its calls, whoever waits; what goes wrong then is told by its engine.
  vectors?.unload().catch(() => {});
}

/** An explicit load has succeeded, or (false) failed: what cannot be loaded is not what later requests load. */
export function settle(entry: Entry, asked: LoadOptions | undefined, isLoaded: boolean): void {
  const { engine } = entry;
  if (!isSameLoad(asked, entry.asked)) return;
  if (isLoaded) entry.proven = entry.asked;
  // Its caller may only have gone away.
  const hasFailed = !isLoaded && (engine.status.state === ModelState.FAILED || engine.status.state === ModelState.ON_DISK);
  if (!hasFailed || isSameLoad(asked, entry.proven)) return;
  entry.asked = entry.proven;
  loadsOtherwise(entry);
}

function isSameLoad(one: LoadOptions | undefined, other: LoadOptions | undefined): boolean {
  const bare = (options: LoadOptions | undefined) => {
    const { keepAliveSeconds: _, ...rest } = options ?? create(LoadOptionsSchema);
    return create(LoadOptionsSchema, rest);
  };
  return equals(LoadOptionsSchema, bare(one), bare(other));
}

/** Whether a file has not been replaced by another. */
export function isSameFile(file: ModelFile, other: ModelFile): boolean {
  return file.path === other.path && file.sizeBytes === other.sizeBytes && file.modifiedMs === other.modifiedMs;
}

/** The holder of one process's memory. One that another process has taken over from is never idle: it ends after its last stream by itself. */
export function holderOf(id: string, model: ModelEngine, engine: Engine): Holder {
  return { model: id, isIdle: () => model.isIdle(engine), lastUsedMs: () => model.lastUsedMs(), unload: () => model.unload() };
}
