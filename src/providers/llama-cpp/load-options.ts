import { availableParallelism } from "node:os";
import type { LoadOptions } from "../../../gen/parley/v1/models_pb.ts";
import type { Gpu } from "../../core/gpus.ts";
import type { Limits } from "../../core/limits.ts";
import { unsupportedField } from "../../core/reasons.ts";
import type { EngineLoad } from "../../engine/protocol.ts";

/** How a model is loaded, as configured or as a load asks for it; any part may be left out. */
export type LoadChoices = Partial<Omit<LoadOptions, "$typeName" | "$unknown">>;

/** What a load needs beside its options. */
export interface LoadSurroundings {
  readonly modelPath: string;
  readonly gpu: Gpu;
  readonly limits: Limits;
}

const defaultBatchTokens = 512;

/** What is asked for, before what is configured. */
export function joinedChoices(configured: LoadChoices | undefined, asked: LoadChoices | undefined): LoadChoices {
  const said = Object.entries(asked ?? {}).filter(([, value]) => value !== undefined && value !== "");
  return { ...configured, ...Object.fromEntries(said) };
}

/** The load of a model as the engine takes it. Throws `unsupported_field`. */
export function engineLoad(choices: LoadChoices, { modelPath, gpu, limits }: LoadSurroundings): EngineLoad {
  refuseUnsupported(choices);
  const { contextLength, sequences, gpuLayers, flashAttention, chatTemplate = "" } = choices;
  return {
    modelPath,
    gpu: gpu === "none" ? false : gpu,
    threads: choices.threads ?? availableParallelism(),
    batchTokens: choices.batchTokens ?? defaultBatchTokens,
    ...(contextLength !== undefined && { contextLength }),
    ...(sequences !== undefined && { sequences }),
    ...(gpuLayers !== undefined && { gpuLayers }),
    ...(flashAttention !== undefined && { flashAttention }),
    ...(chatTemplate !== "" && { chatTemplate }),
    queueLength: limits.engineQueue,
    queueMs: limits.engineQueueMs,
    prefillChunkTokens: limits.prefillChunkTokens,
    interTokenMs: limits.interTokenMs,
  };
}

/** How long a model stays loaded without a call, ms; 0: until it is unloaded. */
export function keepAliveMs({ keepAliveSeconds = 0 }: LoadChoices): number {
  return keepAliveSeconds * 1000;
}

function refuseUnsupported({ kvType = "", loraAdapters = [] }: LoadChoices): void {
  if (kvType !== "" && kvType !== "f16")
    throw unsupportedField("options.kv_type", "the engine's library calls other types than f16 unstable: leave it out");
  if (loraAdapters.length > 0) throw unsupportedField("options.lora_adapters", "this version loads no LoRA adapters");
}
