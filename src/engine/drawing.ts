import type { LlamaContextSequence, LlamaModel, Token } from "node-llama-cpp";
import { combinationFault, combinations, type Combination } from "../core/combinations.ts";
import { checkBreakers } from "./drawing/breakers.ts";
import { checkGrammar } from "./drawing/grammars.ts";
import { libraryDrawing } from "./drawing/library.ts";
import { logprobsAgain } from "./drawing/logprobs-again.ts";
import { ownDrawing } from "./drawing/own.ts";
import type { LoadedModel } from "./model.ts";
import type { OutputPlan } from "./output.ts";
import type { Prompt } from "./prompt.ts";
import type { EngineLogprob } from "./protocol/events.ts";
import type { EngineRequest, EngineSampling } from "./protocol/request.ts";
import { checkBias } from "./drawing/sampling.ts";

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
   * Undefined: it needs another turn; the next call gets the last of the same tokens again.
   */
  next(tokens: readonly Token[], grammar?: string): Promise<Drawn | undefined>;
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
export function checkDrawing(request: EngineRequest, output: OutputPlan, loaded: LoadedModel): void {
  checkBias(request.sampling, loaded.vocabularySize);
  checkBreakers(request.sampling);
  checkGrammar(loaded.model, request.format);
  if (output.grammarFields.length > 0) refuseUnderGrammar(request, output.grammarFields, loaded);
}

/** Refuses what a grammar rules out. */
function refuseUnderGrammar(request: EngineRequest, fields: readonly string[], { model, sequences }: LoadedModel): void {
  const { sampling } = request;
  const asked: readonly (readonly [Combination, boolean])[] = [
    [combinations.grammarAndMinTokens, request.minTokens > 0],
    [combinations.grammarAndIgnoreEos, request.ignoreEos],
    [combinations.grammarAndEndBias, isEndBiased(sampling, model)],
    [combinations.grammarAndDry, sampling.dry !== undefined && isRepeatPenalized(sampling)],
    [combinations.grammarAndGreedyXtc, isGreedyXtc(sampling)],
    [combinations.grammarAndLogprobs, request.topLogprobs !== undefined && (sequences[0]?.needsCheckpoints ?? false)],
  ];
  for (const [combination, isAsked] of asked) if (isAsked) throw combinationFault(combination, fields);
}

/** The drawing that a request needs. */
export function drawing(plan: DrawingPlan): Drawing {
  const { request, output, loaded } = plan;
  if (output.grammarFields.length === 0) return needsOwn(request, loaded.model) ? ownDrawing(plan) : libraryDrawing(plan);
  return request.topLogprobs === undefined ? libraryDrawing(plan) : logprobsAgain(libraryDrawing(plan), plan);
}

/** Whether a request wants what the library's samplers cannot. */
function needsOwn({ topLogprobs, minTokens, ignoreEos, sampling }: EngineRequest, model: LlamaModel): boolean {
  if (topLogprobs !== undefined || minTokens > 0 || ignoreEos) return true;
  return isEndBiased(sampling, model) || isGreedyXtc(sampling) || (sampling.dry !== undefined && isRepeatPenalized(sampling));
}

/** At temperature 0 the library leaves out the samplers that come before XTC. */
function isGreedyXtc({ temperature, xtc }: EngineSampling): boolean {
  return temperature <= 0 && xtc !== undefined;
}

/** The library drops any bias of an end token without a word. */
function isEndBiased({ logitBias }: EngineSampling, model: LlamaModel): boolean {
  return logitBias.some(([token]) => model.isEogToken(token as Token));
}

/** Whether a logit is multiplied after its bias: what else is done to it may come in any order. */
function isRepeatPenalized({ repeatPenalty, repeatLastTokens }: EngineSampling): boolean {
  return repeatPenalty !== 1 && repeatLastTokens > 0;
}
