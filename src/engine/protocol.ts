import { ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import type { KvType } from "../core/load-choices.ts";
import { asFault, errorDomain, fault, reasonOf, reasons, retryAfterMsOf, type FieldViolation, type Reason } from "../core/reasons.ts";

// What the provider and the engine process of one model say to each other, as lines of JSON over a pipe of their own.
// Sizes are small on purpose: one message a tick carries what every sequence has written.

/** The file descriptor of a channel's end in the engine's process: lines of JSON, both ways. */
export const engineChannel = 3;

/** Longest message of an engine, bytes; beyond it something is wrong with it. The tokens of the longest text that a request may have take so much. */
export const mostMessageBytes = 256 * 1024 * 1024;

/** Which GPU library is used; `auto` takes what the machine has, `false` the processor alone. */
export type EngineGpu = "auto" | "cuda" | "vulkan" | "metal" | false;

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
  /** Type of the key-value cache; absent: `f16`. */
  readonly kvType?: KvType;
  /** Adapters that change the model for as long as it is loaded. */
  readonly loraAdapters?: readonly EngineAdapter[];
  /** Jinja text that replaces the model's own chat template. */
  readonly chatTemplate?: string;
  /** What the file's header says it is for; `chat` when absent. */
  readonly purpose?: "chat" | "embed" | "rerank";
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
}

/** An adapter's file. */
export interface EngineAdapter {
  readonly path: string;
  readonly scale: number;
  /** Differs when the file is replaced: what is kept of prompts is bound to it. */
  readonly stamp: string;
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
}

/** One turn of a conversation; `developer` has become `system`. */
export interface EngineMessage {
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly text: string;
  /** Name of the participant; of a `tool` message the function's. */
  readonly name?: string;
  /** Earlier thinking of the assistant. */
  readonly reasoning?: string;
  readonly toolCalls?: readonly EngineToolCall[];
  /** Of a `tool` message: the call it answers. */
  readonly toolCallId?: string;
  /** Place of the request's message that it comes from, where that is another. */
  readonly index?: number;
}

/** A call in a conversation's history. `arguments` is JSON text of an object. */
export interface EngineToolCall {
  readonly id: string;
  readonly name: string;
  readonly arguments: string;
}

/** A function that the model may call. */
export interface EngineTool {
  readonly name: string;
  readonly description: string;
  /** JSON Schema of its arguments, as JSON text; empty: an object without properties. */
  readonly parameters: string;
  readonly strict: boolean;
}

/** Whether tools are called: `required` with one name means that one; `names` empty means any. */
export interface EngineToolChoice {
  readonly mode: "auto" | "none" | "required";
  readonly names: readonly string[];
}

/** A conversation, with all that its chat template is given. */
export interface EngineConversation {
  readonly type: "messages";
  readonly messages: readonly EngineMessage[];
  readonly tools: readonly EngineTool[];
  readonly toolChoice: EngineToolChoice;
  /** Whether one answer may hold several calls; absent: as the model likes. */
  readonly parallelToolCalls?: boolean;
  /** The last message is the assistant's and is gone on from. */
  readonly continueFinalMessage: boolean;
  /** Variables for the template. */
  readonly templateOptions: Readonly<Record<string, unknown>>;
  /** Absent: the model's own habit. */
  readonly reasoningEffort?: EngineReasoningEffort;
}

/** How hard to think. */
export type EngineReasoningEffort = "none" | "minimal" | "low" | "medium" | "high" | "xhigh" | "max";

/** What the model reads. */
export type EnginePrompt =
  | EngineConversation
  | { readonly type: "text"; readonly text: string; readonly suffix?: string }
  | { readonly type: "tokens"; readonly tokens: readonly number[]; readonly suffix?: string };

/** How tokens are drawn; every number is said. */
export interface EngineSampling {
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
  readonly presencePenalty: number;
  readonly frequencyPenalty: number;
  readonly repeatPenalty: number;
  readonly repeatLastTokens: number;
  /** Token and what is added to its logit; -100 and below bans it. */
  readonly logitBias: readonly (readonly [number, number])[];
  readonly xtc?: { readonly probability: number; readonly threshold: number };
  readonly dry?: EngineDry;
}

/** A penalty that grows with the length of a repetition; every number is said. */
export interface EngineDry {
  readonly multiplier: number;
  readonly base: number;
  readonly allowedLength: number;
  /** How many tokens back it looks; the whole context at most. */
  readonly lastTokens: number;
  readonly sequenceBreakers: readonly string[];
}

/** The shape an answer must have. `schema` is JSON text. */
export type EngineFormat =
  | { readonly type: "text" }
  | { readonly type: "json-object" }
  | { readonly type: "json-schema"; readonly schema: string }
  | { readonly type: "grammar"; readonly gbnf: string };

/** One question to the model. */
export interface EngineRequest {
  readonly prompt: EnginePrompt;
  readonly sampling: EngineSampling;
  /** One seed a choice, 0 to 4294967294; as many choices as seeds. */
  readonly seeds: readonly number[];
  /** Most tokens of each choice; absent: what the context leaves. */
  readonly maxTokens?: number;
  readonly stop: readonly string[];
  readonly format: EngineFormat;
  /** Present: logprobs are told, with so many alternatives, 0 to 20. */
  readonly topLogprobs?: number;
  /** No end before so many tokens. */
  readonly minTokens: number;
  /** Goes on past end tokens. */
  readonly ignoreEos: boolean;
  /** Most tokens of thinking; absent: no limit of its own. */
  readonly reasoningBudget?: number;
  /** Whose request it is: states of prompts are never shared between tenants. */
  readonly tenant: string;
  /** Whether each choice begins with the prompt's text. */
  readonly echo: boolean;
  readonly priority: "interactive" | "batch";
  /** Whether `waiting` and `reading` are told. */
  readonly includeProgress: boolean;
}

/** What the provider says. `id` names a request for as long as it lives. */
export type ToEngine =
  | { readonly type: "load"; readonly load: EngineLoad }
  /** Answers `estimated`: the place of the chosen size among the sizes. */
  | { readonly type: "proceed"; readonly size: number }
  | { readonly type: "generate"; readonly id: number; readonly request: EngineRequest }
  | { readonly type: "cancel"; readonly id: number }
  /** Its reader is slow: its sequences leave the batch until `resume`. */
  | { readonly type: "pause"; readonly id: number }
  | { readonly type: "resume"; readonly id: number }
  /** Something that is answered once. `cancel` takes it back. */
  | { readonly type: "ask"; readonly id: number; readonly question: EngineQuestion }
  | { readonly type: "ping" }
  /** Ends the process; what runs is cut off. */
  | { readonly type: "shutdown" };

/** Questions by their type: what each asks, and what it is answered with. */
export interface EngineQuestions {
  /** Tokens of a prompt, as a request with it would be billed. */
  count: { asks: { readonly prompt: EnginePrompt }; answer: { readonly promptTokens: number } };
  /** The text that the model would read. */
  render: { asks: { readonly prompt: EnginePrompt }; answer: { readonly text: string } };
  /** `pieces` are the bytes of each token, base64. */
  tokenize: {
    asks: { readonly text: string; readonly addSpecial: boolean; readonly parseSpecial: boolean; readonly includePieces: boolean };
    answer: { readonly tokens: readonly number[]; readonly pieces?: readonly string[] };
  };
  detokenize: { asks: { readonly tokens: readonly number[] }; answer: { readonly text: string } };
  /** Prepares the state of a prompt's beginning: its messages and tools without the turn that would answer. */
  warm: {
    asks: { readonly prompt: EngineConversation; readonly tenant: string };
    answer: { readonly promptTokens: number; readonly cachedTokens: number };
  };
  /** `vectors` are little-endian float32 of length 1 (L2), base64, one an input. A call with many inputs asks for some of them at a time: `firstIndex` is the place of the first among all. */
  embed: {
    asks: { readonly inputs: readonly (string | readonly number[])[]; readonly firstIndex: number };
    answer: { readonly vectors: readonly string[]; readonly promptTokens: number };
  };
  /** `scores` are 0 to 1, one a document. */
  rerank: {
    asks: { readonly query: string; readonly documents: readonly string[] };
    answer: { readonly scores: readonly number[]; readonly promptTokens: number };
  };
}

/** Type of a question. */
export type EngineQuestionType = keyof EngineQuestions;

/** One question of a given type, or of any. */
export type EngineQuestion<Type extends EngineQuestionType = EngineQuestionType> = {
  [Each in Type]: { readonly type: Each } & EngineQuestions[Each]["asks"];
}[Type];

/** What a question of a type is answered with. */
export type EngineAnswer<Type extends EngineQuestionType = EngineQuestionType> = EngineQuestions[Type]["answer"];

/** A token with its probability: natural logarithms of the model's own distribution, before any sampling setting. */
export interface EngineLogprob extends EngineTopLogprob {
  /** Most probable first. */
  readonly top: readonly EngineTopLogprob[];
}

/** An alternative to a token. `bytes` is base64. */
export interface EngineTopLogprob {
  readonly token: string;
  readonly bytes: string;
  readonly logprob: number;
}

/** What becomes of one request, in order: `waiting`*, `admitted`, `reading`*, (`text` | `reasoning` | `tool-call` | `finished`)*, `completed`; or `failed` at any time, as the last. */
export type EngineEvent =
  /** Place in the queue, from 1. */
  | { readonly type: "waiting"; readonly position: number }
  /** Its first choice has a sequence. */
  | { readonly type: "admitted"; readonly queueMs: number }
  | { readonly type: "reading"; readonly tokensDone: number; readonly tokensTotal: number }
  /** `logprobs` are of the tokens since the last event that had some; with them the text may be empty. */
  | { readonly type: "text"; readonly choice: number; readonly text: string; readonly logprobs?: readonly EngineLogprob[] }
  | { readonly type: "reasoning"; readonly choice: number; readonly text: string }
  /** The first of a call has `id`, `name` and perhaps empty arguments; the rest are pieces of its arguments' JSON text. */
  | {
      readonly type: "tool-call";
      readonly choice: number;
      readonly index: number;
      readonly id?: string;
      readonly name?: string;
      readonly arguments: string;
    }
  | {
      readonly type: "finished";
      readonly choice: number;
      readonly reason: "stop" | "length" | "tool-calls";
      readonly rawReason: string;
      readonly stop?: string;
    }
  | { readonly type: "completed"; readonly stats: EngineStats }
  | { readonly type: "failed"; readonly error: EngineError };

/** What a request took. */
export interface EngineStats {
  readonly promptTokens: number;
  /** Tokens drawn over all choices, the end token included. */
  readonly completionTokens: number;
  /** Of the prompt's tokens, those that were not computed for this request. */
  readonly cachedTokens: number;
  /** Of the completion's tokens, those of thinking. */
  readonly reasoningTokens: number;
  readonly queueMs: number;
  readonly promptMs: number;
  readonly generationMs: number;
}

/** One decode of a batch: sequences that took part, and sequences that were generating. */
export type EngineDecode = readonly [busySequences: number, activeSequences: number];

/** What the engine says. */
export type FromEngine =
  /** Comes once, before anything is loaded; waits for `proceed`. */
  | { readonly type: "estimated"; readonly estimate: EngineEstimate }
  | { readonly type: "loading"; readonly fractionDone: number }
  | { readonly type: "loaded"; readonly model: EngineModel }
  | { readonly type: "load-failed"; readonly error: EngineError }
  /** Everything since the last tick: events by request, decodes, and the queue's length if it has changed. */
  | {
      readonly type: "tick";
      readonly events: readonly (readonly [id: number, event: EngineEvent])[];
      readonly decodes: readonly EngineDecode[];
      readonly queued?: number;
    }
  /** Work for one request alone begins (its template, tokens, grammar), or without an id: is done. If the process ends meanwhile, that request is why. */
  | { readonly type: "handling"; readonly id?: number }
  /** The prompts of these requests are read from now on, until this is said again. */
  | { readonly type: "reading"; readonly ids: readonly number[] }
  | { readonly type: "answered"; readonly id: number; readonly answer: EngineAnswer }
  | { readonly type: "not-answered"; readonly id: number; readonly error: EngineError }
  /** Something went wrong that no call can be told; for the log. */
  | { readonly type: "trouble"; readonly what: string }
  /** `memoryBytes` is what the process takes, where its parent cannot ask the system. */
  | { readonly type: "pong"; readonly memoryBytes?: number };

/** An error on its way between processes. */
export interface EngineError {
  readonly reason: Reason;
  readonly message: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly fields: readonly FieldViolation[];
  readonly retryAfterMs?: number;
}

/** Refuses a prompt that leaves no room for an answer. `counted` is false when it cannot have fewer tokens, but may have more. */
export function promptTooLong(promptTokens: number, contextLength: number, counted: boolean): ConnectError {
  return fault(
    "context_length_exceeded",
    `the prompt has ${counted ? "" : "at least "}${promptTokens} tokens${counted ? "" : " by its length"}, and the model's context has room for ${contextLength} with at least one of the answer: shorten it`,
    { metadata: { prompt_tokens: String(promptTokens), context_length: String(contextLength) } },
  );
}

/** Makes an error fit for the channel; what is no fault of ours becomes `engine_failed` with its message, since it comes from the native library and never holds a prompt. */
export function errorToEngine(error: unknown): EngineError {
  const known =
    error instanceof ConnectError ? asFault(error) : fault("engine_failed", error instanceof Error ? error.message : "the engine failed");
  const info = known.findDetails(ErrorInfoSchema).find(({ domain }) => domain === errorDomain);
  const fields = known.findDetails(BadRequestSchema).flatMap(({ fieldViolations }) => fieldViolations);
  const retryAfterMs = retryAfterMsOf(known);
  return {
    reason: reasonOf(known),
    message: known.rawMessage,
    metadata: info?.metadata ?? {},
    fields: fields.map(({ field, description }) => ({ field, description })),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
}

/** Makes the error that came over the channel. A reason that nobody knows is the engine's failure. */
export function errorFromEngine({ reason, message, metadata, fields, retryAfterMs }: EngineError): ConnectError {
  const known = Object.hasOwn(reasons, reason) ? reason : "engine_failed";
  return fault(known, message, { metadata, fields, ...(retryAfterMs !== undefined && { retryAfterMs }) });
}
