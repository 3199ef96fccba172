import { accessSync, constants } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import type { Gpu } from "../../core/gpus.ts";
import type { Limits } from "../../core/limits.ts";
import { kvTypeFrom, loadProblems, type LoadChoices } from "../../core/load-choices.ts";
import { fieldsFault } from "../../core/reasons.ts";
import type { EngineLoad, EnginePrefixCache } from "../../engine/protocol/load.ts";

/** What a load needs beside its options. */
export interface LoadSurroundings {
  readonly modelPath: string;
  /** Of the model file, lower-case hex; absent or empty when nobody has computed it. */
  readonly sha256?: string;
  /** Folder of caches; absent: nothing outlives an engine. */
  readonly dataDirectory?: string | undefined;
  readonly gpu: Gpu;
  readonly limits: Limits;
  /** The files of the chosen adapters. */
  readonly loraAdapters?: EngineLoad["loraAdapters"];
}

const defaultBatchTokens = 512;

/** What is asked for, before what is configured. */
export function joinedChoices(configured: LoadChoices | undefined, asked: LoadChoices | undefined): LoadChoices {
  const said = Object.entries(asked ?? {}).filter(([, value]) => value !== undefined && value !== "" && !isEmptyList(value));
  return { ...configured, ...Object.fromEntries(said) };
}

/** Refuses options of a load that cannot be. Throws `invalid_request` naming the fields. */
export function checkChoices(choices: LoadChoices): void {
  const fields = [...loadProblems(choices)].map(({ key, what }) => ({ field: `options.${snakeCase(key)}`, description: what }));
  if (fields.length > 0) throw fieldsFault("invalid_request", fields);
}

/** The load of a model as the engine takes it; the choices have been checked. */
export function engineLoad(choices: LoadChoices, surroundings: LoadSurroundings): EngineLoad {
  const { modelPath, gpu, limits, loraAdapters = [] } = surroundings;
  return {
    ...saidOf(choices),
    modelPath,
    gpu: gpu === "none" ? false : gpu,
    threads: choices.threads ?? availableParallelism(),
    batchTokens: choices.batchTokens ?? defaultBatchTokens,
    ...(loraAdapters.length > 0 && { loraAdapters }),
    queueLength: limits.engineQueue,
    queueMs: limits.engineQueueMs,
    prefillChunkTokens: limits.prefillChunkTokens,
    interTokenMs: limits.interTokenMs,
    tokenWaitMs: limits.tokenWaitMs,
    ...(limits.prefixMemoryBytes > 0 && { prefixCache: prefixCache(surroundings) }),
  };
}

const ramDisk = "/dev/shm";

/** Where the engine keeps states of prompts. None is kept on disk of a model whose bytes nobody knows: another file might take its place. */
function prefixCache({ sha256 = "", dataDirectory, limits }: LoadSurroundings): EnginePrefixCache {
  const isOnDisk = dataDirectory !== undefined && sha256 !== "" && limits.prefixDiskBytes > 0;
  return {
    memoryFolder: isWritable(ramDisk) ? ramDisk : tmpdir(),
    memoryBytes: limits.prefixMemoryBytes,
    ...(isOnDisk && { diskFolder: join(dataDirectory, "cache", "prefixes") }),
    diskBytes: limits.prefixDiskBytes,
    diskAgeMs: limits.prefixDiskAgeMs,
    modelSha256: sha256,
    waitMs: limits.prefixWaitMs,
  };
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** What the engine finds out by itself where nobody says it. */
function saidOf({ contextLength, sequences, gpuLayers, flashAttention, useMmap, kvType = "", chatTemplate = "" }: LoadChoices) {
  const type = kvTypeFrom(kvType);
  return {
    ...(contextLength !== undefined && { contextLength }),
    ...(sequences !== undefined && { sequences }),
    ...(gpuLayers !== undefined && { gpuLayers }),
    ...(flashAttention !== undefined && { flashAttention }),
    ...(useMmap !== undefined && { useMmap }),
    ...(type !== undefined && { kvType: type }),
    ...(chatTemplate !== "" && { chatTemplate }),
  };
}

/** How long a model stays loaded without a call, ms; 0: until it is unloaded. */
export function keepAliveMs({ keepAliveSeconds = 0 }: LoadChoices): number {
  return keepAliveSeconds * 1000;
}

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
