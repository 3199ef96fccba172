import { availableParallelism } from "node:os";
import type { Gpu } from "../../core/gpus.ts";
import type { Limits } from "../../core/limits.ts";
import { kvTypeFrom, loadProblems, type LoadChoices } from "../../core/load-choices.ts";
import { fieldsFault } from "../../core/reasons.ts";
import type { EngineLoad } from "../../engine/protocol.ts";

/** What a load needs beside its options. */
export interface LoadSurroundings {
  readonly modelPath: string;
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
export function engineLoad(choices: LoadChoices, { modelPath, gpu, limits, loraAdapters = [] }: LoadSurroundings): EngineLoad {
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
  };
}

/** What the engine finds out by itself where nobody says it. */
function saidOf({ contextLength, sequences, gpuLayers, flashAttention, kvType = "", chatTemplate = "" }: LoadChoices) {
  const type = kvTypeFrom(kvType);
  return {
    ...(contextLength !== undefined && { contextLength }),
    ...(sequences !== undefined && { sequences }),
    ...(gpuLayers !== undefined && { gpuLayers }),
    ...(flashAttention !== undefined && { flashAttention }),
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
