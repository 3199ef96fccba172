import type { LlamaContextSequence, Token } from "node-llama-cpp";
import { checkGrammar } from "./drawing/grammars.ts";
import { libraryDrawing } from "./drawing/library.ts";
import { ownDrawing } from "./drawing/own.ts";
import type { LoadedModel } from "./model.ts";
import type { OutputPlan } from "./output.ts";
import type { Prompt } from "./prompt.ts";
import type { EngineLogprob, EngineRequest } from "./protocol.ts";
import { checkBias } from "./sampling.ts";

/** A token that was drawn. */
export interface Drawn {
  readonly token: Token;
  /** When logprobs were wanted. */
  readonly logprob?: EngineLogprob;
}

/** Draws the tokens of one choice, each by evaluating those before it. */
export interface Drawing {
  /**
   * Evaluates the tokens that the sequence has not, in the first call the end of the prompt and then what was drawn last, and draws the next. It begins before it returns its promise.
   * `grammar` is GBNF that everything from this token on must match; it holds for as long as each call gives the same one, and another begins anew.
   */
  next(tokens: readonly Token[], grammar?: string): Promise<Drawn>;
  /** The next calls answer with these tokens, one each, whatever would have been drawn. No grammar holds them; one that follows begins after them. */
  force(tokens: readonly Token[]): void;
  /** Stops it. Not while `next` runs. */
  close(): Promise<void>;
}

/** What a drawing is made of. */
export interface DrawingPlan {
  readonly sequence: LlamaContextSequence;
  readonly loaded: LoadedModel;
  readonly request: EngineRequest;
  readonly prompt: Prompt;
  readonly output: OutputPlan;
  readonly seed: number;
  /** The prompt and all that was drawn since: grows while the drawing runs, and is read at every token. */
  readonly history: readonly Token[];
}

/** Refuses what no drawing can do for a request. Throws `invalid_request` or `unsupported_field`. */
export function checkDrawing(request: EngineRequest, _output: OutputPlan, { model, vocabularySize }: LoadedModel): void {
  checkBias(request.sampling, model, vocabularySize);
  checkGrammar(model, request.format);
}

/** The drawing that a request needs. */
export function drawing(plan: DrawingPlan): Drawing {
  return needsOwn(plan.request, plan.loaded) ? ownDrawing(plan) : libraryDrawing(plan);
}

/** Whether a request wants what the library's samplers cannot. */
function needsOwn({ topLogprobs, minTokens, ignoreEos, sampling }: EngineRequest, { model }: LoadedModel): boolean {
  const isEndBiased = sampling.logitBias.some(([token]) => model.isEogToken(token as Token));
  return topLogprobs !== undefined || minTokens > 0 || ignoreEos || sampling.dry !== undefined || isEndBiased;
}
