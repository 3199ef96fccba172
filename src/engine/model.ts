import {
  getLlama,
  InsufficientMemoryError,
  LlamaLogLevel,
  type Llama,
  type LlamaContext,
  type LlamaContextSequence,
  type LlamaModel,
} from "node-llama-cpp";
import type { ConnectError } from "@connectrpc/connect";
import { errorText } from "../core/error-text.ts";
import { fault, invalidField } from "../core/reasons.ts";
import { batches, type Batches } from "./scheduling/batch.ts";
import { embedder, type Embedder } from "./vectors/embedding.ts";
import { kvGgmlTypes, planLoad } from "./loading/load-plan.ts";
import { freeMemory, mapsWeights } from "./loading/weights.ts";
import { promptMaker, type MakePrompt } from "./prompt.ts";
import type { SpecialTexts } from "./prompt/special-texts.ts";
import type { EngineEstimate, EngineLoad, EngineModel, EngineSize } from "./protocol/load.ts";
import { ranker, type Ranker } from "./vectors/ranking.ts";
import { inputLength } from "./vectors/vectors.ts";

/** A model in memory, with all its sequences. */
export interface LoadedModel {
  readonly model: LlamaModel;
  /** By id, from 0; none of a model that makes vectors or ranks and does not chat. */
  readonly sequences: readonly LlamaContextSequence[];
  readonly batches: Batches;
  readonly makePrompt: MakePrompt;
  /** Texts of its special tokens. */
  readonly special: SpecialTexts;
  /** Why no conversation can be had with it; raw prompts can. */
  readonly templateProblem: string | undefined;
  /** Of a model that is loaded for vectors alone: reading an input would hold up all streams of one that chats. */
  readonly embedder: Embedder | undefined;
  /** Of a model that is loaded for ranking. */
  readonly ranker: Ranker | undefined;
  /** Tokens that prompt and answer may have together. */
  readonly contextLength: number;
  readonly vocabularySize: number;
  readonly about: EngineModel;
  /** Frees it, in the one order that ends: sequences, context, model, library. */
  dispose(): Promise<void>;
}

/** What is told of a load, and asked, while it goes on. */
export interface LoadSteps {
  /** Which of the sizes to load: asked once, before anything is loaded. */
  readonly choose: (estimate: EngineEstimate) => Promise<number>;
  readonly onProgress: (fractionDone: number) => void;
}

/** Of a load's time, what its weights take; the rest is the context's. */
const weightsShare = 0.9;

/** Loads a model and makes its context. Throws `engine_failed` saying why. */
export async function loadModel(load: EngineLoad, { choose, onProgress }: LoadSteps): Promise<LoadedModel> {
  const llama = await startLibrary(load);
  const { gpuLayers, weightBytes, estimate } = await planLoad(llama, load);
  const sizes = estimate.sizes.slice(await choose(estimate));
  const model = await llama.loadModel({
    modelPath: load.modelPath,
    onLoadProgress: (fractionDone) => onProgress(fractionDone * weightsShare),
    gpuLayers,
    useMmap: mapsWeights(load, { gpuLayers, weightBytes, ramBytes: sizes[0]?.ramBytes ?? 0, freeBytes: freeMemory() }),
  });
  const vocabularySize = [...model.iterateAllTokens()].length;
  const counted = batches();
  const longestTokenBytes = longestToken(model);
  const vectors = { load, contextLength: inputLength(model, load), vocabularySize, longestTokenBytes };
  const { purpose = "chat" } = load;
  const embeds = purpose === "embed" ? embedder(model, vectors) : undefined;
  const ranks = purpose === "rerank" ? ranker(model, vectors) : undefined;
  const context = purpose === "chat" ? await makeContext(model, { load, sizes, batches: counted }) : undefined;
  await embeds?.begin();
  await ranks?.begin();
  const sequences = context === undefined ? [] : Array.from({ length: context.totalSequences }, () => context.getSequence());
  // The library rounds a context up; what was asked for stays the limit.
  const contextLength =
    context === undefined ? vectors.contextLength : Math.min(context.contextSize, load.contextLength ?? context.contextSize);
  const about: EngineModel = {
    contextLength,
    sequences: sequences.length,
    memoryBytes: context === undefined ? estimated(sizes) : bytes(model.memoryUsage) + bytes(context.memoryUsage),
    vectorLength: model.embeddingVectorSize,
    isMapped: model.useMmap,
    ...(longestTokenBytes !== undefined && { longestTokenBytes }),
  };
  const prompts = promptMaker(model, { ...about, vocabularySize, chatTemplate: load.chatTemplate });
  // The file's own may be of no use: raw prompts can be had then. Who gives another wants conversations.
  if (load.chatTemplate !== undefined && prompts.problem !== undefined)
    throw invalidField("options.chat_template", `it is of no use: ${prompts.problem}`);
  return {
    model,
    sequences,
    batches: counted,
    makePrompt: prompts.make,
    special: prompts.special,
    templateProblem: context === undefined ? undefined : prompts.problem,
    embedder: embeds,
    ranker: ranks,
    contextLength,
    vocabularySize,
    about,
    async dispose() {
      await Promise.all([embeds?.close(), ranks?.close()]);
      await Promise.all(sequences.map((sequence) => sequence.dispose()));
      await context?.dispose();
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

function startLibrary({ gpu, threads }: EngineLoad): Promise<Llama> {
  return getLlama({
    gpu,
    build: "never",
    skipDownload: true,
    maxThreads: threads,
    logLevel: LlamaLogLevel.warn,
    logger: (level, message) => void process.stderr.write(`${level}: ${message.trimEnd()}\n`),
  });
}

interface ContextPlan {
  readonly load: EngineLoad;
  /** The chosen one, and smaller ones in case it does not fit after all. */
  readonly sizes: readonly EngineSize[];
  readonly batches: Batches;
}

/** A context of the chosen size, or of the first smaller one that memory allows. */
async function makeContext(model: LlamaModel, { load, sizes, batches: counted }: ContextPlan): Promise<LlamaContext> {
  const kvType = kvGgmlTypes[load.kvType ?? "f16"];
  const adapters = (load.loraAdapters ?? []).map(({ path, scale }) => ({ filePath: path, scale }));
  for (const [place, { contextLength, sequences }] of sizes.entries()) {
    try {
      return await model.createContext({
        contextSize: contextLength,
        sequences,
        batchSize: load.batchTokens,
        threads: load.threads,
        batching: { itemPrioritizationStrategy: counted.strategy },
        experimentalKvCacheKeyType: kvType,
        experimentalKvCacheValueType: kvType,
        ...(adapters.length > 0 && { lora: { adapters } }),
        ...(load.flashAttention !== undefined && { flashAttention: load.flashAttention }),
      });
    } catch (error) {
      const isLast = place === sizes.length - 1;
      if (isLast || !(error instanceof InsufficientMemoryError)) throw contextFault(error, load, { contextLength, sequences });
    }
  }
  throw fault("engine_failed", "the size that was chosen is none of those that were offered");
}

/** Says of a context that could not be made what may be at fault. */
function contextFault(error: unknown, load: EngineLoad, size: Pick<EngineSize, "contextLength" | "sequences">): ConnectError {
  if (error instanceof InsufficientMemoryError) {
    const asked = `${size.sequences} sequences of ${size.contextLength} tokens`;
    const advice = "load the model with a smaller context_length or fewer sequences";
    return fault("engine_failed", `there is not enough memory for ${asked}: ${advice}`, { cause: error });
  }
  const why = errorText(error);
  if (/lora/i.test(why) && load.loraAdapters !== undefined)
    return fault("engine_failed", "a LoRA adapter does not fit this model: load it with the model that the adapter was made for", {
      cause: error,
    });
  if (load.kvType !== undefined) {
    const what = `a key-value cache of the type ${load.kvType} cannot be made for this model: load it with another kv_type`;
    return fault("engine_failed", `${what} (${why})`, { cause: error });
  }
  return fault("engine_failed", `its context cannot be made: ${why}`, { cause: error });
}

/** What the chosen size takes by the estimate: contexts that make vectors do not tell. */
function estimated([size]: readonly EngineSize[]): number {
  return size === undefined ? 0 : size.ramBytes + size.vramBytes;
}

function bytes({ ram, vram }: { readonly ram: number; readonly vram: number }): number {
  return ram + vram;
}
