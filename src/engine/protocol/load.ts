import type { KvType } from "../../core/load-choices.ts";

/** Which GPU library is used; `auto` takes what the machine has, `false` the processor alone. */
export type EngineGpu = "auto" | "cuda" | "vulkan" | "metal" | false;

/** Tokens of the longest input that becomes a vector, unless a load says otherwise. An encoder reads it in one piece, and the memory for that grows with the square of its length. */
export const usualInputTokens = 2048;

/** So much more room has a context that makes vectors: the library refuses an input that is as long as the context, and begins to drop tokens shortly before. */
export const spareInputTokens = 8;

/** How a model is loaded. What is absent is derived from the model and the machine. */
export interface EngineLoad {
  readonly modelPath: string;
  readonly gpu: EngineGpu;
  /** Compute threads. */
  readonly threads: number;
  /** Tokens of context for each sequence. */
  readonly contextLength?: number;
  /** Sequences that run at once. */
  readonly sequences?: number;
  /** Most tokens in one decode. */
  readonly batchTokens: number;
  readonly gpuLayers?: number;
  /** Memory of GPUs that other models of this service hold, and would give back. */
  readonly heldVramBytes?: number;
  /** Memory of GPUs that models of this service may take in all; absent: what is free there. */
  readonly mostVramBytes?: number;
  readonly flashAttention?: boolean;
  /** Whether weights are mapped rather than copied into memory; absent: by the room there is. */
  readonly useMmap?: boolean;
  /** Type of the key-value cache; absent: `f16`. */
  readonly kvType?: KvType;
  /** Adapters that change the model for as long as it is loaded. */
  readonly loraAdapters?: readonly EngineAdapter[];
  /** Jinja text that replaces the model's own chat template. */
  readonly chatTemplate?: string;
  /** What the file's header says it is for; `chat` when absent. */
  readonly purpose?: "chat" | "embed" | "rerank";
  /** Its process gives way to others: it works beside one that streams. */
  readonly givesWay?: boolean;
  /** Where states of prompts are kept; absent: nowhere but in the sequences. */
  readonly prefixCache?: EnginePrefixCache;
  /** Calls that may wait for a sequence. */
  readonly queueLength: number;
  /** How long a call may wait for a sequence. */
  readonly queueMs: number;
  /** Most prompt tokens that are read between two looks at other work. */
  readonly prefillChunkTokens: number;
  /** Streams that run get their next token within so many ms while prompts are read, as far as one token of a prompt a tick allows. */
  readonly interTokenMs: number;
  /** A token may wait so long for the next one of its stream, so that one message carries both. */
  readonly tokenWaitMs: number;
}

/** An adapter's file. */
export interface EngineAdapter {
  readonly path: string;
  readonly scale: number;
  /** Differs when the file is replaced: what is kept of prompts is bound to it. */
  readonly stamp: string;
}

/** What computes. */
export interface EngineDevice {
  /** The GPU library in use; false: the processor alone. */
  readonly gpu: Exclude<EngineGpu, "auto">;
  /** Names of the GPUs. */
  readonly names: readonly string[];
  readonly threads: number;
  /** The widest vector instructions that are used, such as `AVX2`; empty when unknown. */
  readonly instructions: string;
}

/** A size that a model may be loaded in, and what it takes: weights, contexts and buffers of computing. */
export interface EngineSize {
  readonly contextLength: number;
  readonly sequences: number;
  readonly ramBytes: number;
  readonly vramBytes: number;
}

/** What a load would take; nothing is loaded before one of the sizes is chosen. */
export interface EngineEstimate {
  /** The largest first; one where the load says its sizes. */
  readonly sizes: readonly EngineSize[];
  /** Memory of GPUs that models of this service may take in all. */
  readonly mostVramBytes: number;
  readonly device: EngineDevice;
}

/** Where states of prompts are kept, and how many. */
export interface EnginePrefixCache {
  /** Folder in memory (a RAM disk) where there is one, else on disk. What is made in it is of this process alone, and goes with it. */
  readonly memoryFolder: string;
  readonly memoryBytes: number;
  /** Folder of states that outlive the process; absent: none do. */
  readonly diskFolder?: string;
  readonly diskBytes: number;
  /** States that nobody used for so long are deleted. */
  readonly diskAgeMs: number;
  /** What a state on disk is bound to beside context and library: the model file's SHA-256, lower-case hex. */
  readonly modelSha256: string;
  /** A prompt waits so long for another to read what both begin with; then it reads it itself. */
  readonly waitMs: number;
}

/** What the engine tells of a model that it has loaded. */
export interface EngineModel {
  /** Tokens that prompt and answer of one request may have together. */
  readonly contextLength: number;
  readonly sequences: number;
  /** Weights and context. */
  readonly memoryBytes: number;
  /** No token stands for more bytes of text. Absent where the tokenizer may leave text out. */
  readonly longestTokenBytes?: number;
  /** Numbers in a vector that it makes of a text. */
  readonly vectorLength: number;
  /** Whether its weights stayed in their file. */
  readonly isMapped: boolean;
}
