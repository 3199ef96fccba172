import type { LlamaContextSequence, Token } from "node-llama-cpp";
import { answerReader, type Read, type ReaderPlan } from "./answer-reader.ts";
import { drawing, type Drawing } from "./drawing.ts";
import type { LoadedModel } from "./model.ts";

/** One answer in the making, on a sequence of its own. */
export interface Choice {
  readonly index: number;
  /** Whether its prompt is read and every tick brings a token. */
  readonly isGenerating: boolean;
  readonly promptTokensLeft: number;
  /** Tokens drawn so far, the end token included. */
  readonly completionTokens: number;
  /** Of these, tokens of thinking. */
  readonly reasoningTokens: number;
  /** The tokens that `step` evaluates when it is given so many of the prompt; it begins to do so before it returns. */
  upcoming(promptTokens: number): readonly Token[];
  step(promptTokens: number): Promise<Read>;
  /** Stops it and clears its sequence. Not while a step runs. */
  close(): Promise<void>;
}

/** What a choice is made of. */
export interface ChoicePlan extends ReaderPlan {
  readonly index: number;
}

const nothing: Read = { pieces: [], logprobs: [] };

/** Begins a choice on a free sequence. */
export function choiceOn(sequence: LlamaContextSequence, loaded: LoadedModel, plan: ChoicePlan): Choice {
  const { request, prompt, output, index } = plan;
  const history = [...prompt.tokens];
  const read = answerReader(loaded, plan);
  let drawn: Drawing | undefined;
  let tokensRead = 0;
  let last: readonly Token[] = [];
  const upcoming = (promptTokens: number) => (drawn === undefined ? prompt.tokens.slice(tokensRead, tokensRead + promptTokens) : last);
  return {
    index,
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
    upcoming,
    async step(promptTokens) {
      const tokens = upcoming(promptTokens);
      if (drawn === undefined) {
        tokensRead += tokens.length;
        if (tokensRead < prompt.tokens.length) {
          await sequence.evaluateWithoutGeneratingNewTokens([...tokens]);
          return nothing;
        }
        drawn = drawing({ sequence, loaded, request, prompt, output, seed: request.seeds[index] ?? 0, history });
      }
      const next = await drawn.next(tokens, read.grammar);
      last = [next.token];
      history.push(next.token);
      const brought = read.next(next);
      if (brought.force !== undefined) drawn.force(brought.force);
      return brought;
    },
    async close() {
      await drawn?.close();
      await sequence.clearHistory();
    },
  };
}
