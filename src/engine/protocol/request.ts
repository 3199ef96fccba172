import type { EnginePrompt } from "./prompt.ts";

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
