import type { LlamaContextSequence, Token } from "node-llama-cpp";
import { answerReader, type Read, type ReaderPlan } from "./answer-reader.ts";
import { placeOf } from "../scheduling/batch.ts";
import { drawing, type Drawing } from "../drawing.ts";
import type { LoadedModel } from "../model.ts";
import type { Prompt } from "../prompt.ts";

/** One answer in the making, on a sequence of its own. */
export interface Choice {
  readonly index: number;
  /** Of its prompt, so many tokens were in the sequence already when it began. */
  readonly cachedTokens: number;
  /** Whether its prompt is read and every tick brings a token. */
  readonly isGenerating: boolean;
  readonly promptTokensLeft: number;
  /** Tokens drawn so far, the end token included. */
  readonly completionTokens: number;
  /** Of these, tokens of thinking. */
  readonly reasoningTokens: number;
  /** Evaluates so many tokens of the prompt, or the token that was drawn last; it begins to do so before it returns. */
  step(promptTokens: number): Promise<Read>;
  /** Stops it; its sequence keeps what it holds. Not while a step runs. */
  close(): Promise<void>;
}

/** What a choice is made of. */
export interface ChoicePlan extends ReaderPlan {
  readonly index: number;
}

const nothing: Read = { pieces: [], logprobs: [] };

/** Where a choice is made. */
export interface ChoicePlace {
  readonly sequence: LlamaContextSequence;
  readonly loaded: LoadedModel;
  /** Of the prompt, so many tokens are in the sequence already, and nothing else is. */
  readonly cachedTokens: number;
}

/** Begins a choice on a sequence that nobody else uses. */
export function choiceOn({ sequence, loaded, cachedTokens }: ChoicePlace, plan: ChoicePlan): Choice {
  const { request, prompt, output, index } = plan;
  const history = [...prompt.tokens];
  const read = answerReader(loaded, plan);
  let drawn: Drawing | undefined;
  const evaluationPriority = placeOf(sequence, loaded.sequences);
  let tokensRead = cachedTokens;
  let last: readonly Token[] = [];
  const upcoming = (promptTokens: number) => (drawn === undefined ? prompt.tokens.slice(tokensRead, tokensRead + promptTokens) : last);
  return {
    index,
    cachedTokens,
    get isGenerating() {
      return drawn !== undefined;
    },
    get promptTokensLeft() {
      return prompt.tokens.length - tokensRead;
    },
    get completionTokens() {
      return read.tokens;
    },
    get reasoningTokens() {
      return read.reasoningTokens;
    },
    async step(promptTokens) {
      const tokens = upcoming(promptTokens);
      if (drawn === undefined) {
        tokensRead += tokens.length;
        if (tokensRead < prompt.tokens.length) {
          await sequence.evaluateWithoutGeneratingNewTokens([...tokens], { evaluationPriority });
          return nothing;
        }
        drawn = drawing({ sequence, loaded, request, prompt, output, seed: request.seeds[index] ?? 0, history });
        drawn.force(read.begin);
      }
      last = tokens.slice(-1);
      const next = await drawn.next(tokens, read.grammar);
      if (next === undefined) return nothing;
      last = [next.token];
      history.push(next.token);
      const brought = read.next(next);
      if (brought.force !== undefined) drawn.force(brought.force);
      return brought;
    },
    async close() {
      await drawn?.close();
    },
  };
}

/** A choice that ends where an answer would begin: it reads a prompt and draws nothing. */
export function readingOn({ sequence, loaded, cachedTokens }: ChoicePlace, prompt: Prompt): Choice {
  const evaluationPriority = placeOf(sequence, loaded.sequences);
  let tokensRead = cachedTokens;
  return {
    index: 0,
    cachedTokens,
    isGenerating: false,
    get promptTokensLeft() {
      return prompt.tokens.length - tokensRead;
    },
    completionTokens: 0,
    reasoningTokens: 0,
    async step(promptTokens) {
      const tokens = prompt.tokens.slice(tokensRead, tokensRead + promptTokens);
      tokensRead += tokens.length;
      await sequence.evaluateWithoutGeneratingNewTokens([...tokens], { evaluationPriority });
      return nothing;
    },
    close: async () => {},
  };
}
