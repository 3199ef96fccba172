import {
  getLlama,
  InsufficientMemoryError,
  LlamaLogLevel,
  type Llama,
  type LlamaContext,
  type LlamaContextSequence,
  type LlamaModel,
} from "node-llama-cpp";
import { fault } from "../core/reasons.ts";
import { batches, type Batches } from "./batch.ts";
import { promptMaker, type MakePrompt } from "./prompt.ts";
import type { EngineLoad, EngineModel } from "./protocol.ts";

/** A model in memory, with all its sequences. */
export interface LoadedModel {
  readonly model: LlamaModel;
  /** By id, from 0. */
  readonly sequences: readonly LlamaContextSequence[];
  readonly batches: Batches;
  readonly makePrompt: MakePrompt;
  /** Tokens that prompt and answer may have together. */
  readonly contextLength: number;
  readonly vocabularySize: number;
  readonly about: EngineModel;
  /** Frees it, in the one order that ends: sequences, context, model, library. */
  dispose(): Promise<void>;
}

const defaultContextLength = 4096;
const defaultSequences = 16;
/** Of the memory that is free, contexts may take so much by themselves. */
const shareOfMemory = 0.5;

/** Loads a model and makes its context. Throws `engine_failed` saying why. */
export async function loadModel(load: EngineLoad, onProgress: (fractionDone: number) => void): Promise<LoadedModel> {
  const llama = await getLlama({
    gpu: load.gpu,
    build: "never",
    skipDownload: true,
    maxThreads: load.threads,
    logLevel: LlamaLogLevel.warn,
    logger: (level, message) => void process.stderr.write(`${level}: ${message.trimEnd()}\n`),
  });
  const model = await llama.loadModel({
    modelPath: load.modelPath,
    onLoadProgress: onProgress,
    ...(load.gpuLayers !== undefined && { gpuLayers: load.gpuLayers }),
  });
  const vocabularySize = [...model.iterateAllTokens()].length;
  const counted = batches();
  const context = await makeContext(llama, model, { load, batches: counted });
  const sequences = Array.from({ length: context.totalSequences }, () => context.getSequence());
  // The library rounds a context up; what was asked for stays the limit.
  const contextLength = Math.min(context.contextSize, load.contextLength ?? context.contextSize);
  const longestTokenBytes = longestToken(model);
  const about: EngineModel = {
    contextLength,
    sequences: sequences.length,
    memoryBytes: bytes(model.memoryUsage) + bytes(context.memoryUsage),
    ...(longestTokenBytes !== undefined && { longestTokenBytes }),
  };
  return {
    model,
    sequences,
    batches: counted,
    makePrompt: promptMaker(model, { ...about, vocabularySize, chatTemplate: load.chatTemplate }),
    contextLength,
    vocabularySize,
    about,
    async dispose() {
      await Promise.all(sequences.map((sequence) => sequence.dispose()));
      await context.dispose();
      await model.dispose();
      await llama.dispose();
    },
  };
}

/** Bytes of the longest token. Vocabularies write a byte as a character of one byte or more, so that no token stands for a longer text than it is written with. */
function longestToken({ fileInfo }: LlamaModel): number | undefined {
  const vocabulary = fileInfo.metadata.tokenizer?.ggml;
  // Of these two kinds every character of a text becomes tokens; others may leave white space out, or make one token of a whole unknown word.
  if (vocabulary?.model !== "gpt2" && vocabulary?.model !== "llama") return undefined;
  return vocabulary.tokens.reduce((most, token) => Math.max(most, Buffer.byteLength(token)), 1);
}

interface ContextPlan {
  readonly load: EngineLoad;
  readonly batches: Batches;
}

/** A context of as many sequences as memory allows, or of those that were asked for. */
async function makeContext(llama: Llama, model: LlamaModel, { load, batches: counted }: ContextPlan): Promise<LlamaContext> {
  const contextSize = load.contextLength ?? Math.min(defaultContextLength, Math.max(1, model.trainContextSize));
  let sequences = load.sequences ?? (await sequencesThatFit(llama, model, { contextSize, batchSize: load.batchTokens }));
  for (;;) {
    try {
      return await model.createContext({
        contextSize,
        sequences,
        batchSize: load.batchTokens,
        threads: load.threads,
        batching: { itemPrioritizationStrategy: counted.strategy },
        ...(load.flashAttention !== undefined && { flashAttention: load.flashAttention }),
      });
    } catch (error) {
      const canShrink = error instanceof InsufficientMemoryError && load.sequences === undefined && sequences > 1;
      if (!canShrink) throw memoryFault(error, contextSize, sequences);
      sequences = Math.floor(sequences / 2);
    }
  }
}

function memoryFault(error: unknown, contextSize: number, sequences: number): unknown {
  if (!(error instanceof InsufficientMemoryError)) return error;
  return fault(
    "engine_failed",
    `there is not enough memory for ${sequences} sequences of ${contextSize} tokens: load the model with a smaller context_length or fewer sequences`,
    { cause: error },
  );
}

/** How many sequences fit into the share of free memory: what one takes is the difference that a second makes. */
async function sequencesThatFit(
  llama: Llama,
  model: LlamaModel,
  { contextSize, batchSize }: { readonly contextSize: number; readonly batchSize: number },
): Promise<number> {
  const estimate = async (sequences: number) => {
    const { cpuRam, gpuVram } = await model.fileInsights.estimateContextResourceRequirementsV2({
      contextSize,
      sequences,
      batchSize,
      modelGpuLayers: model.gpuLayers,
    });
    return { ram: cpuRam, vram: gpuVram };
  };
  const [one, two] = [await estimate(1), await estimate(2)];
  const vramFree = llama.gpu === false ? 0 : (await llama.getVramState()).free;
  const fitting = [
    fit(process.availableMemory() * shareOfMemory, one.ram, two.ram - one.ram),
    fit(vramFree * shareOfMemory, one.vram, two.vram - one.vram),
  ];
  return Math.max(1, Math.min(defaultSequences, ...fitting));
}

function fit(budget: number, first: number, further: number): number {
  return further <= 0 ? defaultSequences : 1 + Math.floor((budget - first) / further);
}

function bytes({ ram, vram }: { readonly ram: number; readonly vram: number }): number {
  return ram + vram;
}
