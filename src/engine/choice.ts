import type { LlamaContextSequence, LlamaModel, Token } from "node-llama-cpp";
import type { LoadedModel } from "./model.ts";
import type { Prompt } from "./prompt.ts";
import type { EngineRequest } from "./protocol.ts";
import { samplerOptions } from "./sampling.ts";
import { stopDetector } from "./stops.ts";
import { tokenText } from "./token-text.ts";

/** What one tick brought of a choice. */
export interface Step {
  /** Characters that are settled; often empty. */
  readonly text: string;
  /** Present with the last step. */
  readonly end?: ChoiceEnd;
}

/** Why a choice ended. */
export interface ChoiceEnd {
  readonly reason: "stop" | "length";
  readonly rawReason: "end_token" | "stop_text" | "max_tokens" | "context_end";
  readonly stop?: string;
}

/** One answer in the making, on a sequence of its own. */
export interface Choice {
  readonly index: number;
  /** Whether its prompt is read and every tick brings a token. */
  readonly isGenerating: boolean;
  readonly promptTokensLeft: number;
  /** Tokens drawn so far, the end token included. */
  readonly completionTokens: number;
  /** The tokens that `step` evaluates when it is given so many of the prompt; it begins to do so before it returns. */
  upcoming(promptTokens: number): readonly Token[];
  step(promptTokens: number): Promise<Step>;
  /** Stops it and clears its sequence. Not while a step runs. */
  close(): Promise<void>;
}

/** What a choice is made of. */
export interface ChoicePlan {
  readonly request: EngineRequest;
  readonly prompt: Prompt;
  readonly index: number;
}

/** Begins a choice on a free sequence. */
export function choiceOn(sequence: LlamaContextSequence, loaded: LoadedModel, { request, prompt, index }: ChoicePlan): Choice {
  const history = [...prompt.tokens];
  const options = samplerOptions(request.sampling, loaded.model, {
    seed: request.seeds[index] ?? 0,
    history,
    contextLength: loaded.contextLength,
  });
  const read = reader(loaded, { request, prompt, index });
  let iterator: AsyncGenerator<Token, void, void | Token | Token[]> | undefined;
  let tokensRead = 0;
  let last: Token | undefined;
  const upcoming = (promptTokens: number) =>
    iterator === undefined ? prompt.tokens.slice(tokensRead, tokensRead + promptTokens) : last === undefined ? [] : [last];
  return {
    index,
    get isGenerating() {
      return iterator !== undefined;
    },
    get promptTokensLeft() {
      return prompt.tokens.length - tokensRead;
    },
    get completionTokens() {
      return read.count;
    },
    upcoming,
    async step(promptTokens) {
      if (iterator === undefined) {
        const tokens = [...upcoming(promptTokens)];
        tokensRead += tokens.length;
        if (tokensRead < prompt.tokens.length) {
          await sequence.evaluateWithoutGeneratingNewTokens(tokens);
          return { text: "" };
        }
        iterator = sequence.evaluate(tokens, options);
      }
      const { value } = await iterator.next();
      if (value === undefined) throw new Error("the sequence ended without a token");
      last = value;
      history.push(value);
      return read.next(value);
    },
    async close() {
      await iterator?.return();
      await sequence.clearHistory();
    },
  };
}

/** Turns drawn tokens into text, and finds the end. */
function reader(
  { model, contextLength }: LoadedModel,
  { request, prompt }: ChoicePlan,
): { readonly count: number; next(token: Token): Step } {
  const characters = tokenText((tokens, before) => model.detokenize(tokens as Token[], false, before as Token[]), prompt.tokens.slice(-3));
  const stops = stopDetector([...request.stop, ...prompt.endTexts]);
  const left = contextLength - prompt.tokens.length;
  const most = Math.min(request.maxTokens ?? left, left);
  const limit: ChoiceEnd = { reason: "length", rawReason: most === request.maxTokens ? "max_tokens" : "context_end" };
  let count = 0;
  return {
    get count() {
      return count;
    },
    next(token) {
      count++;
      if (isEnd(model, prompt, token)) return { text: stops.flush(), end: { reason: "stop", rawReason: "end_token" } };
      const { text, stop } = stops.push(characters.push(token));
      if (stop !== undefined) return { text, end: stopEnd(request, stop) };
      return count < most ? { text } : { text: text + stops.flush(), end: limit };
    },
  };
}

function isEnd(model: LlamaModel, { endTokens }: Prompt, token: Token): boolean {
  return model.isEogToken(token) || endTokens.has(token);
}

/** A text of the template is no stop text of the caller's. */
function stopEnd(request: EngineRequest, stop: string): ChoiceEnd {
  return request.stop.includes(stop) ? { reason: "stop", rawReason: "stop_text", stop } : { reason: "stop", rawReason: "end_token" };
}
