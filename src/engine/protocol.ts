import { ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { asFault, errorDomain, fault, reasonOf, reasons, retryAfterMsOf, type FieldViolation, type Reason } from "../core/reasons.ts";

// What the provider and the engine process of one model say to each other, as JSON over the IPC channel of `fork`.
// Sizes are small on purpose: one message a tick carries what every sequence has written.

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
  readonly flashAttention?: boolean;
  /** Jinja text that replaces the model's own chat template. */
  readonly chatTemplate?: string;
  /** Calls that may wait for a sequence. */
  readonly queueLength: number;
  /** How long a call may wait for a sequence. */
  readonly queueMs: number;
  /** Prompt tokens that are read between two looks at other work. */
  readonly prefillChunkTokens: number;
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
}

/** One turn of a conversation; `developer` has become `system`. */
export interface EngineMessage {
  readonly role: "system" | "user" | "assistant";
  readonly text: string;
}

/** What the model reads. */
export type EnginePrompt =
  | { readonly type: "messages"; readonly messages: readonly EngineMessage[] }
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
}

/** One question to the model. */
export interface EngineRequest {
  readonly prompt: EnginePrompt;
  readonly sampling: EngineSampling;
  /** One seed a choice, 0 to 4294967294; as many choices as seeds. */
  readonly seeds: readonly number[];
  /** Most tokens of each choice; absent: what the context leaves. */
  readonly maxTokens?: number;
  readonly stop: readonly string[];
  /** Whether each choice begins with the prompt's text. */
  readonly echo: boolean;
  readonly priority: "interactive" | "batch";
  /** Whether `waiting` and `reading` are told. */
  readonly includeProgress: boolean;
}

/** What the provider says. `id` names a request for as long as it lives. */
export type ToEngine =
  | { readonly type: "load"; readonly load: EngineLoad }
  | { readonly type: "generate"; readonly id: number; readonly request: EngineRequest }
  | { readonly type: "cancel"; readonly id: number }
  /** Its reader is slow: its sequences leave the batch until `resume`. */
  | { readonly type: "pause"; readonly id: number }
  | { readonly type: "resume"; readonly id: number }
  | { readonly type: "count"; readonly id: number; readonly prompt: EnginePrompt }
  | { readonly type: "ping" }
  /** Ends the process; what runs is cut off. */
  | { readonly type: "shutdown" };

/** What becomes of one request, in order: `waiting`*, `admitted`, `reading`*, (`text` | `finished`)*, `completed`; or `failed` at any time, as the last. */
export type EngineEvent =
  /** Place in the queue, from 1. */
  | { readonly type: "waiting"; readonly position: number }
  /** Its first choice has a sequence. */
  | { readonly type: "admitted"; readonly queueMs: number }
  | { readonly type: "reading"; readonly tokensDone: number; readonly tokensTotal: number }
  | { readonly type: "text"; readonly choice: number; readonly text: string }
  | {
      readonly type: "finished";
      readonly choice: number;
      readonly reason: "stop" | "length";
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
  readonly queueMs: number;
  readonly promptMs: number;
  readonly generationMs: number;
}

/** One decode of a batch: sequences that took part, and sequences that were generating. */
export type EngineDecode = readonly [busySequences: number, activeSequences: number];

/** What the engine says. */
export type FromEngine =
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
  | { readonly type: "counted"; readonly id: number; readonly promptTokens: number }
  | { readonly type: "count-failed"; readonly id: number; readonly error: EngineError }
  /** Something went wrong that no call can be told; for the log. */
  | { readonly type: "trouble"; readonly what: string }
  | { readonly type: "pong" };

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
