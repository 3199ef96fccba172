import type { EngineError } from "./errors.ts";

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

/** What becomes of one request, in order: `waiting`*, `admitted`, `begun`, `reading`*, (`text` | `reasoning` | `tool-call` | `finished`)*, `completed`; or `failed` at any time, as the last. */
export type EngineEvent =
  /** Place in the queue, from 1. */
  | { readonly type: "waiting"; readonly position: number }
  /** Its first choice has a sequence; the prompt has so many tokens. */
  | { readonly type: "admitted"; readonly queueMs: number; readonly promptTokens: number }
  /** Its first choice begins; so many of the prompt's tokens are there already. */
  | { readonly type: "begun"; readonly cachedTokens: number }
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
