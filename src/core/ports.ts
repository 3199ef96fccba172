import type { ChatEvent, ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import type { EmbedRequest, EmbedResponse } from "../../gen/parley/v1/embeddings_pb.ts";
import type {
  LoadModelResponse,
  LoadOptions,
  Model,
  PullModelResponse,
  WarmPromptRequest,
  WarmPromptResponse,
} from "../../gen/parley/v1/models_pb.ts";
import type { RerankRequest, RerankResponse } from "../../gen/parley/v1/rerank_pb.ts";
import type {
  CountTokensRequest,
  CountTokensResponse,
  DetokenizeRequest,
  DetokenizeResponse,
  RenderPromptRequest,
  RenderPromptResponse,
  TokenizeRequest,
  TokenizeResponse,
} from "../../gen/parley/v1/tokens_pb.ts";
import type { FieldTable } from "./fields.ts";
import type { Providers } from "./provider-report.ts";
import type { Generate, Work } from "./work.ts";

// What one module needs of another, as interfaces; `service.ts` passes the real things in.

/** The time. */
export interface Clock {
  /** Ms since the epoch, with fractions. */
  now(): number;
  /** Calls back once after `ms`; the answer cancels it. Never keeps the process alive. */
  after(ms: number, callback: () => void): () => void;
}

/** One line of the log: a message and facts. Facts never hold prompts, answers or secrets. */
export interface Log {
  debug(message: string, facts?: Readonly<Record<string, unknown>>): void;
  info(message: string, facts?: Readonly<Record<string, unknown>>): void;
  warn(message: string, facts?: Readonly<Record<string, unknown>>): void;
  /** An `error` fact is written whole, with its causes. */
  error(message: string, facts?: Readonly<Record<string, unknown>>): void;
}

/** Work whose answer comes whole, by its name in a provider and in the service. */
export interface UnaryWork {
  /** Counts the tokens of a prompt as it would bill them. */
  readonly countTokens: Work<CountTokensRequest, CountTokensResponse>;
  /** Shows the text that the model reads. */
  readonly renderPrompt: Work<RenderPromptRequest, RenderPromptResponse>;
  readonly tokenize: Work<TokenizeRequest, TokenizeResponse>;
  readonly detokenize: Work<DetokenizeRequest, DetokenizeResponse>;
  /** Vectors of length 1, one an input. */
  readonly embed: Work<EmbedRequest, EmbedResponse>;
  /** Results with the best first. */
  readonly rerank: Work<RerankRequest, RerankResponse>;
  /** Prepares the state of a prompt's beginning for later calls of the same tenant. */
  readonly warmPrompt: Work<WarmPromptRequest, WarmPromptResponse>;
}

/** Something that can answer a call: an API behind HTTP, or a model run by a child process. No retry, log, metric, cache or hidden default inside. */
export interface Provider extends Partial<UnaryWork> {
  /** Name in configuration, metrics and errors, such as `openai` or `llama-cpp`. */
  readonly name: string;
  /** What it does with each field of a ChatRequest. */
  readonly fields: FieldTable;
  /** Streams one answer: `progress`* when asked for, `started` together with the first content, content, one `finished` a choice, one `completed`. */
  readonly generate: Generate;
  /** Lists the models it can serve now; ids are its own, without aliases. */
  listModels(signal: AbortSignal): Promise<readonly Model[]>;
  /** Present when its models are loaded on this machine. */
  readonly local?: LocalModels;
  /** Whether an assistant message at the end of a conversation is gone on from rather than answered. Absent: no. */
  readonly canContinue?: boolean;
  /** Whether callers may bring their own key (`context.upstreamKey`). Absent: no. */
  readonly takesCallerKeys?: boolean;
  /** Frees what it holds. The caller has aborted the calls in flight first. */
  close(): Promise<void>;
}

/** Loading and unloading of models on this machine. */
export interface LocalModels {
  /** Loads a model and tells how far it is; ends when it is loaded, at once when it was. A load goes on when its watcher leaves. */
  load(model: string, options: LoadOptions | undefined, signal: AbortSignal): AsyncIterable<LoadModelResponse>;
  /** Unloads a model after its streams have ended; nothing happens when it is not loaded. */
  unload(model: string): Promise<void>;
  /** Whether calls hold a model, or wait for it to be loaded. */
  isBusy(model: string): boolean;
  /** A model that is loaded stays for so many seconds after its last call: 0, it goes with that call, and nobody waits for it; Infinity, it stays. Nothing happens when it is not loaded. */
  keep(model: string, seconds: number): void;
  /** Called with a model's id whenever its state changes; the answer stops that. */
  watch(listener: (model: string) => void): () => void;
  /** How a model stays loaded; undefined when it is not. */
  stay(model: string): ModelStay | undefined;
  /** Resolves with the GPU that is used, or that there is none, for people, once the first process of a model has found out. */
  readonly gpu: Promise<string>;
}

/** How a loaded model stays. */
export interface ModelStay {
  /** Memory that it takes on GPUs. */
  readonly vramBytes: number;
  /** When it is unloaded unless it is asked for again, on the clock; undefined: never. */
  readonly untilMs: number | undefined;
}

/** What is known of a model of this machine beside the contract's message. */
export interface ModelFacts extends Pick<ModelFile, "architecture" | "parameterCount" | "fileType"> {
  /** While it is loaded. */
  readonly stay: ModelStay | undefined;
}

/** What a local provider reports of its engines, for metrics and the log. Ids are those of model files: bounded, safe as labels. */
export interface EngineObserver {
  /** One decode of a batch: sequences that took part, and sequences that were generating at that moment. */
  decoded(model: string, busySequences: number, activeSequences: number): void;
  /** How many calls wait for a sequence now. */
  queued(model: string, depth: number): void;
  /** A call got its sequence after so many ms. */
  waited(model: string, ms: number): void;
  /** A model was loaded (true), and takes so many bytes, or is gone (false). */
  loaded(model: string, isLoaded: boolean, memoryBytes: number): void;
  /** The process of a model ended by itself, or has taken too much memory, and is started anew. */
  restarted(model: string, why: string, reason: "crash" | "memory"): void;
}

/** What a model was made for: to answer chats, to make vectors, or to rank documents. */
export type ModelPurpose = "chat" | "embed" | "rerank";

/** A model file on this machine. */
export interface ModelFile {
  /** What a request names it by: the catalog's id if its bytes are the catalog's, else the file name without `.gguf`. */
  readonly id: string;
  /** Other names it answers to: the file name with and without `.gguf`. */
  readonly aliases: readonly string[];
  /** Absolute path inside the model folder. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  readonly title: string;
  readonly licence: string;
  /** Lower-case hex; empty when it was not computed. */
  readonly sha256: string;
  /** `general.architecture`, such as `llama` or `bert`; empty when unknown. */
  readonly architecture: string;
  /** Tokens the model was trained for; undefined when unknown. */
  readonly trainedContextLength: number | undefined;
  /** Numbers in its weights; absent when unknown. */
  readonly parameterCount?: number | undefined;
  /** `general.file_type`, llama.cpp's number of how most of its weights are stored; absent when unknown. */
  readonly fileType?: number | undefined;
  readonly purpose: ModelPurpose;
  /** Why it cannot be loaded; empty when it can. */
  readonly problem: string;
  /** Whether it is a LoRA adapter, which is loaded with a model and is none. */
  readonly isAdapter?: boolean;
}

/** What the header of a model file says, by key; lists are left out. */
export type ModelMetadata = ReadonlyMap<string, string | number | boolean>;

/** The model files on disk, and the catalog they come from. */
export interface Library {
  /** Files now, by id. */
  list(): readonly ModelFile[];
  /** The file that answers to a name; a table look-up, never a path. */
  find(name: string): ModelFile | undefined;
  /** Models that can be pulled, as `CATALOG` or `PULLING`, without a provider; those on disk are left out. */
  catalog(): readonly Model[];
  /** Id of the catalog's default model. */
  readonly defaultId: string;
  /** Called whenever a file appears, changes or goes; the answer stops that. */
  watch(listener: () => void): () => void;
  /** Brings a catalog model on disk; two pulls of the same model are one. Throws `model_not_found`, `pull_failed`, `data_corrupt`. */
  pull(id: string, signal: AbortSignal): AsyncIterable<PullModelResponse>;
  /** Reads a file whole whose hash is not known, once. Throws `data_corrupt` when it goes by a catalog model's name and has other bytes. */
  verify(name: string, signal: AbortSignal): Promise<void>;
  /** Reads what a file's header says; undefined when there is no such file, or it cannot be read. */
  metadata(name: string): Promise<ModelMetadata | undefined>;
  /** Deletes a model's file and answers with its size in bytes. Throws `model_not_found`. */
  remove(id: string): Promise<number>;
  close(): Promise<void>;
}

/** What there is to ask for by name, and what is done with it. */
export interface Models {
  /** All models, by id; those of the catalog that are not on disk only when asked for. */
  list(options: { readonly includeCatalog: boolean; readonly signal: AbortSignal }): Promise<readonly Model[]>;
  /** Whether a model is called exactly so, by what is known without waiting for anybody: the configuration, files, the catalog, and what upstreams have listed last. */
  isKnown(name: string): boolean;
  /** Throws `model_not_found`. An empty name is the default's. */
  get(name: string, signal: AbortSignal): Promise<Model>;
  /** Throws `model_not_found`, `model_state` (not a local model), `engine_failed`. */
  load(name: string, options: LoadOptions | undefined, signal: AbortSignal): AsyncIterable<LoadModelResponse>;
  unload(name: string, signal: AbortSignal): Promise<Model>;
  /** A loaded model of this machine stays for so many seconds after its last call: 0, it goes with that call; Infinity, it stays. Nothing happens to others. */
  keep(name: string, seconds: number): void;
  pull(id: string, signal: AbortSignal): AsyncIterable<PullModelResponse>;
  /** Bytes that became free. Throws `model_not_found`, `model_state` (it is loaded). */
  remove(id: string): Promise<number>;
  setDefault(name: string, signal: AbortSignal): Promise<{ readonly model: Model; readonly previous: string }>;
  /** What is known of a model whose file is on this machine; undefined for all others. */
  facts(name: string): ModelFacts | undefined;
  /** What the header of a model's file says; undefined where there is no file, or it cannot be read. */
  metadata(name: string): Promise<ModelMetadata | undefined>;
}

/** Serving status of a name, as `grpc.health.v1` has it. */
export type Serving = "SERVING" | "NOT_SERVING";

/** Whether the service, its RPC services and its models serve. */
export interface Health {
  /** Undefined: the name is unknown. Names: empty for all, full service names, `model:<id>`. */
  status(name: string): Serving | undefined;
  statuses(): ReadonlyMap<string, Serving>;
  /** Calls back at every change of any name; the answer stops that. */
  watch(listener: () => void): () => void;
  /** Whether the default model is loaded (or echo was chosen) and the service does not drain. */
  isReady(): boolean;
  /** Why not, for people; empty when ready. */
  notReadyBecause(): string;
  /** Whether that is a failure rather than a wait: the default model could not be loaded. */
  hasFailed(): boolean;
}

/** What the doors serve: work with every call layer around it, and what is beside it. */
export interface Service extends UnaryWork {
  readonly generate: Work<ChatRequest, ChatEvent>;
  readonly models: Models;
  readonly providers: Providers;
  readonly health: Health;
  /** Shown by `/health`. */
  readonly about: { readonly name: string; readonly version: string };
}
