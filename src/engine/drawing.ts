import type { LlamaContextSequence, Token } from "node-llama-cpp";
import type { LoadedModel } from "./model.ts";
import type { EngineLogprob, EngineRequest } from "./protocol.ts";
import { samplerOptions } from "./sampling.ts";

/** A token that was drawn. */
export interface Drawn {
  readonly token: Token;
  /** When logprobs were wanted. */
  readonly logprob?: EngineLogprob;
}

/** Draws the tokens of one choice, each by evaluating those before it. */
export interface Drawing {
  /** Evaluates the tokens that the sequence has not, in the first call the end of the prompt and then what was drawn last, and draws the next. It begins before it returns its promise. */
  next(tokens: readonly Token[]): Promise<Drawn>;
  /** Stops it. Not while `next` runs. */
  close(): Promise<void>;
}

/** What a drawing is made of. */
export interface DrawingPlan {
  readonly sequence: LlamaContextSequence;
  readonly loaded: LoadedModel;
  readonly request: EngineRequest;
  readonly seed: number;
  /** The prompt and all that was drawn since: grows while the drawing runs, and is read at every token. */
  readonly history: readonly Token[];
}

/** A drawing by the library's own samplers. */
export function drawing({ sequence, loaded, request, seed, history }: DrawingPlan): Drawing {
  const options = samplerOptions(request.sampling, loaded.model, { seed, history, contextLength: loaded.contextLength });
  let iterator: AsyncGenerator<Token, void, void | Token | Token[]> | undefined;
  return {
    async next(tokens) {
      iterator ??= sequence.evaluate([...tokens], options);
      const { value } = await iterator.next();
      if (value === undefined) throw new Error("the sequence ended without a token");
      return { token: value };
    },
    async close() {
      await iterator?.return();
    },
  };
}
