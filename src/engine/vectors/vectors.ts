import type { LlamaModel } from "node-llama-cpp";
import { fault } from "../../core/reasons.ts";
import { spareInputTokens, usualInputTokens, type EngineLoad } from "../protocol/load.ts";
import { Rounds } from "./rounds.ts";

// What embedding and ranking have in common: contexts that read one input at a time and keep nothing of it.

/** A context that reads inputs whole. */
interface VectorContext {
  dispose(): Promise<void>;
}

/** What contexts are made with. */
export interface VectorPlan {
  readonly load: EngineLoad;
  /** Tokens of the longest input. */
  readonly contextLength: number;
  /** No token stands for more bytes of text; undefined where the tokenizer may leave text out. */
  readonly longestTokenBytes: number | undefined;
}

/** How each context is made. */
export interface ContextOptions {
  readonly contextSize: number;
  readonly batchSize: number;
  readonly threads: number;
}

/** Tokens that an input of a model may have: never more than it has positions for, for beyond these the library ends the process. */
export function inputLength(model: Pick<LlamaModel, "trainContextSize">, { contextLength = usualInputTokens }: EngineLoad): number {
  return Math.min(contextLength, Math.max(1, model.trainContextSize));
}

/** Contexts of a model, as many as compute side by side in this process. */
export function vectorRounds<Context extends VectorContext>(
  { load, contextLength }: VectorPlan,
  make: (options: ContextOptions) => Promise<Context>,
): Rounds<Context> {
  const most = load.sequences ?? 1;
  const size = contextLength + spareInputTokens;
  const threads = Math.max(1, Math.floor(load.threads / most));
  return new Rounds({ most, queueLength: load.queueLength, make: () => make({ contextSize: size, batchSize: size, threads }) });
}

/** Frees all contexts after the inputs that they are reading. */
export async function closeContexts<Context extends VectorContext>(contexts: Rounds<Context>): Promise<void> {
  await contexts.close();
  await Promise.all(contexts.workers.map((context) => context.dispose()));
}

/** Refuses a text that is too long however it is cut into tokens: cutting is synchronous, and all other work would wait for it. */
export function refuseHopeless(field: string, texts: readonly string[], { contextLength, longestTokenBytes }: VectorPlan): void {
  if (longestTokenBytes === undefined) return;
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  refuseTooLong(field, Math.ceil(bytes / longestTokenBytes), { contextLength, atLeast: true });
}

/** Refuses an input that is longer than the model reads at once, before anything is computed. */
export function refuseTooLong(
  field: string,
  tokens: number,
  { contextLength, atLeast = false }: { readonly contextLength: number; readonly atLeast?: boolean },
): void {
  if (tokens <= contextLength) return;
  const description = `has ${atLeast ? "at least " : ""}${tokens} tokens, and the model reads ${contextLength} at once: shorten it`;
  throw fault("context_length_exceeded", `${field}: ${description}`, {
    metadata: { prompt_tokens: String(tokens), context_length: String(contextLength) },
    fields: [{ field, description }],
  });
}

/** Lets messages and other work have their turn between two texts, for tokenizing is synchronous. */
export function breathe(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
