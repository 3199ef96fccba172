import type { LlamaEmbeddingContext, LlamaModel, Token } from "node-llama-cpp";
import { fault, invalidField } from "../../core/reasons.ts";
import { throwIfAborted } from "../../core/signals.ts";
import { checkedTokens } from "../prompt/raw-prompt.ts";
import type { EngineAnswer, EngineQuestions } from "../protocol/questions.ts";
import { breathe, closeContexts, refuseHopeless, refuseTooLong, vectorRounds, type VectorPlan } from "./vectors.ts";

/** Makes vectors of inputs. */
export interface Embedder {
  /** Makes its first context. */
  begin(): Promise<void>;
  embed(asked: EngineQuestions["embed"]["asks"], signal: AbortSignal): Promise<EngineAnswer<"embed">>;
  close(): Promise<void>;
}

interface Input {
  readonly tokens: Token[];
  /** With those that the model begins and ends with. */
  readonly length: number;
}

/** Where an input stands among all, and what becomes of one that is too long. */
interface Place {
  readonly index: number;
  readonly isCut: boolean;
}

/** The embedder of a model, whose contexts are made when they are needed. Inputs of all questions are read in turn. */
export function embedder(model: LlamaModel, plan: VectorPlan & { readonly vocabularySize: number }): Embedder {
  const contexts = vectorRounds(plan, (options) => model.createEmbeddingContext(options));

  const tokensOf = (input: string | readonly number[], place: string, isCut: boolean): Token[] => {
    if (typeof input !== "string") return checkedTokens(input, plan.vocabularySize, `${place}.token_ids.ids`);
    if (!isCut) refuseHopeless(place, [input], plan);
    return model.tokenize(isCut ? beginning(input, plan) : input, false);
  };
  /** An input as the context takes it. Throws when it is nothing, or too long and not to be cut. */
  const inputOf = (input: string | readonly number[], context: LlamaEmbeddingContext, { index, isCut }: Place): Input => {
    const place = `inputs[${index}]`;
    const all = tokensOf(input, place, isCut);
    const excess = context.calculateInputLength(all) - plan.contextLength;
    const own = isCut && excess > 0 ? all.slice(0, -excess) : all;
    const length = context.calculateInputLength(own);
    if (length === 0) throw invalidField(place, "the model makes no tokens of it");
    refuseTooLong(place, length, plan);
    return { tokens: own.length > 0 ? own : bare(model, context, length), length };
  };

  return {
    begin: async () => void (await contexts.first()),
    async embed({ inputs, firstIndex, isCut }, signal) {
      const context = await contexts.first();
      const pieces: Input[] = [];
      for (const [index, input] of inputs.entries()) {
        await breathe();
        throwIfAborted(signal);
        pieces.push(inputOf(input, context, { index: firstIndex + index, isCut }));
      }
      const work = async (on: LlamaEmbeddingContext, { tokens }: Input) => encoded((await on.getEmbeddingFor(tokens)).vector);
      const vectors = await contexts.run({ pieces, work, isGoingOn: firstIndex > 0 }, signal);
      return { vectors, promptTokens: pieces.reduce((sum, { length }) => sum + length, 0) };
    },
    close: () => closeContexts(contexts),
  };
}

/** More tokens than the model reads, and no more text than may be those: cutting it into tokens is synchronous. */
function beginning(text: string, { contextLength, longestTokenBytes }: VectorPlan): string {
  return longestTokenBytes === undefined ? text : text.slice(0, (contextLength + spareTokens) * longestTokenBytes);
}

/** Where a text is cut, its last tokens are others than they were. */
const spareTokens = 64;

/** A text without tokens of its own, such as a space, where the model puts some around it: the library answers with no vector unless it is given one of them. */
function bare({ tokens: { bos, eos } }: LlamaModel, context: LlamaEmbeddingContext, length: number): Token[] {
  const one = [bos, eos].find((token) => token !== null && context.calculateInputLength([token]) === length);
  if (one === undefined || one === null) throw fault("engine_failed", "the library cannot read an empty text with this model");
  return [one];
}

/** A vector of length 1 as little-endian 32-bit floats, base64. */
function encoded(vector: readonly number[]): string {
  const length = Math.hypot(...vector.values());
  if (!(length > 0 && length < Infinity)) throw fault("engine_failed", "the model made a vector without a direction");
  const bytes = Buffer.alloc(vector.length * 4);
  for (const [index, value] of vector.entries()) bytes.writeFloatLE(value / length, index * 4);
  return bytes.toString("base64");
}
