import { stat } from "node:fs/promises";
import { GgmlType, GgufInsights, readGgufFileInfo, type Llama } from "node-llama-cpp";
import type { KvType } from "../../core/load-choices.ts";
import { deviceOf } from "./device.ts";
import type { EngineEstimate, EngineLoad, EngineSize } from "../protocol/load.ts";

/** How a model will be loaded, in one of several sizes. */
export interface LoadPlan {
  /** Layers on the GPU. */
  readonly gpuLayers: number;
  readonly weightBytes: number;
  readonly estimate: EngineEstimate;
}

const defaultContextLength = 4096;
/** A context that the machine is too small for shrinks so far by itself. */
const leastContextLength = 512;
/** Sequences that are tried where nobody says how many. */
const sequenceSteps = [16, 8, 4, 2, 1] as const;
/** As many sequences should fit beside the layers that go to the GPU. */
const gpuSequences = 4;

/** Names of the key-value cache's types in the library. */
export const kvGgmlTypes: Readonly<Record<KvType, GgmlType>> = {
  f32: GgmlType.F32,
  f16: GgmlType.F16,
  bf16: GgmlType.BF16,
  q8_0: GgmlType.Q8_0,
  q5_1: GgmlType.Q5_1,
  q5_0: GgmlType.Q5_0,
  q4_1: GgmlType.Q4_1,
  q4_0: GgmlType.Q4_0,
  iq4_nl: GgmlType.IQ4_NL,
};

/** llama.cpp's simulation takes some fifty bytes for each token that contexts have room for: with a hundred times as many it would take more than the model. */
const mostSimulatedTokens = 2 ** 21;

/** What takes memory. */
interface Shape {
  readonly contextLength: number;
  readonly sequences: number;
}

type Bytes = Pick<EngineSize, "ramBytes" | "vramBytes">;
type Estimate = (shape: Shape, gpuLayers: number) => Promise<EngineSize>;

/** Finds out what a load would take, by llama.cpp's own simulation, without loading anything. Throws what the file's reader throws. */
export async function planLoad(llama: Llama, load: EngineLoad): Promise<LoadPlan> {
  const info = await readGgufFileInfo(load.modelPath, { sourceType: "filesystem", logWarnings: false });
  const insights = await GgufInsights.from(info, llama);
  const shapes = shapesOf(load, insights.trainContextSize ?? defaultContextLength);
  const estimate = estimator(insights, load, await adapterBytes(load));
  const mostVramBytes = await usableVram(llama, load);
  const gpuLayers = await gpuLayersFor({ llama, load, totalLayers: insights.totalLayers, mostVramBytes }, async (layers) => {
    const shape = shapes.find(({ sequences }) => sequences <= gpuSequences) ??
      shapes[0] ?? { contextLength: leastContextLength, sequences: 1 };
    return (await estimate(shape, layers)).vramBytes;
  });
  const sizes: EngineSize[] = [];
  for (const shape of shapes) sizes.push(await estimate(shape, gpuLayers));
  return { gpuLayers, weightBytes: insights.modelSize, estimate: { sizes, mostVramBytes, device: await deviceOf(llama, load.threads) } };
}

/** Sizes to choose from, the largest first: fewer sequences, then a shorter context, each only where nobody says how many. */
function shapesOf({ contextLength: asked, sequences, purpose = "chat" }: EngineLoad, trained: number): Shape[] {
  const contextLength = asked ?? Math.min(defaultContextLength, Math.max(1, trained));
  if (sequences !== undefined || purpose !== "chat") return [{ contextLength, sequences: sequences ?? 1 }];
  const shapes = sequenceSteps.map((each) => ({ contextLength, sequences: each }));
  if (asked !== undefined) return shapes;
  for (let shorter = contextLength / 2; shorter >= leastContextLength; shorter /= 2)
    shapes.push({ contextLength: Math.floor(shorter), sequences: 1 });
  return shapes;
}

/** Each sequence of an embedding model has a context of its own. */
function estimator(insights: GgufInsights, load: EngineLoad, adapters: number): Estimate {
  const isEmbeddingContext = (load.purpose ?? "chat") !== "chat";
  const kvType = kvGgmlTypes[load.kvType ?? "f16"];
  const mapping = load.useMmap === undefined ? {} : { useMmap: load.useMmap };
  const modelOf = async (gpuLayers: number): Promise<Bytes> => {
    const { cpuRam, gpuVram } = await insights.estimateModelResourceRequirementsV2({ gpuLayers, ...mapping });
    return { ramBytes: cpuRam + (gpuLayers === 0 ? adapters : 0), vramBytes: gpuVram + (gpuLayers === 0 ? 0 : adapters) };
  };
  const contextOf = async ({ contextLength, sequences }: Shape, gpuLayers: number): Promise<Bytes> => {
    const { cpuRam, gpuVram } = await insights.estimateContextResourceRequirementsV2({
      contextSize: contextLength,
      sequences,
      batchSize: load.batchTokens,
      modelGpuLayers: gpuLayers,
      isEmbeddingContext,
      kvCacheKeyType: kvType,
      kvCacheValueType: kvType,
      ...mapping,
      ...(load.flashAttention !== undefined && { flashAttention: load.flashAttention }),
    });
    return { ramBytes: cpuRam, vramBytes: gpuVram };
  };
  return async ({ contextLength, sequences }, gpuLayers) => {
    const model = await modelOf(gpuLayers);
    const [contexts, each] = isEmbeddingContext ? [sequences, 1] : [1, sequences];
    const context = await simulated({ contextLength, sequences: each }, (shape) => contextOf(shape, gpuLayers));
    const sum = (bytes: (of: Bytes) => number) => bytes(model) + bytes(context) * contexts;
    return { contextLength, sequences, ramBytes: sum(({ ramBytes }) => ramBytes), vramBytes: sum(({ vramBytes }) => vramBytes) };
  };
}

/** What a context takes. One that is too large to simulate takes as much more than the largest that is not, as that takes more than half of it. */
async function simulated(shape: Shape, simulate: (shape: Shape) => Promise<Bytes>): Promise<Bytes> {
  const { contextLength, sequences } = shape;
  const half = Math.floor(mostSimulatedTokens / sequences / 2);
  if (contextLength <= 2 * half) return simulate(shape);
  const less = await simulate({ contextLength: half, sequences });
  const most = await simulate({ contextLength: 2 * half, sequences });
  const further = (of: (bytes: Bytes) => number) => Math.ceil(of(most) + ((of(most) - of(less)) * (contextLength - 2 * half)) / half);
  return { ramBytes: further(({ ramBytes }) => ramBytes), vramBytes: further(({ vramBytes }) => vramBytes) };
}

/** Adapters are kept as their files have them. */
async function adapterBytes({ loraAdapters = [] }: EngineLoad): Promise<number> {
  const sizes = await Promise.all(loraAdapters.map(async ({ path }) => (await stat(path)).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** What is free, and what other models of ours would give back, but for what estimates may be wrong by; at most what is allowed. */
async function usableVram(llama: Llama, { heldVramBytes = 0, mostVramBytes = Infinity }: EngineLoad): Promise<number> {
  if (llama.gpu === false) return 0;
  const { free } = await llama.getVramState();
  return Math.max(0, Math.min(mostVramBytes, free + heldVramBytes - llama.vramPaddingSize));
}

interface Layers {
  readonly llama: Llama;
  readonly load: EngineLoad;
  readonly totalLayers: number;
  readonly mostVramBytes: number;
}

/** As many layers as fit, found by halving, where nobody says how many. */
async function gpuLayersFor(
  { llama, load, totalLayers, mostVramBytes }: Layers,
  vramOf: (layers: number) => Promise<number>,
): Promise<number> {
  if (llama.gpu === false) return 0;
  if (load.gpuLayers !== undefined) return Math.min(load.gpuLayers, totalLayers);
  return mostLayers(totalLayers, async (layers) => (await vramOf(layers)) <= mostVramBytes);
}

/** The largest number of layers that fits, found by halving; 0 where not even one does. */
export async function mostLayers(totalLayers: number, fits: (layers: number) => Promise<boolean>): Promise<number> {
  if (await fits(totalLayers)) return totalLayers;
  let [enough, tooMany] = [0, totalLayers];
  while (tooMany - enough > 1) {
    const middle = Math.floor((enough + tooMany) / 2);
    if (await fits(middle)) enough = middle;
    else tooMany = middle;
  }
  return enough;
}
