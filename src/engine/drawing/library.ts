import type { LlamaGrammarEvaluationState, SequenceEvaluateOptions, Token } from "node-llama-cpp";
import { fault } from "../../core/reasons.ts";
import { placeOf } from "../scheduling/batch.ts";
import type { Drawing, DrawingPlan } from "../drawing.ts";
import { samplerOptions } from "./sampling.ts";
import { tokenBiases } from "./biases.ts";
import { beginGrammar } from "./grammars.ts";

/** What the library says when a grammar and the vocabulary leave nothing to go on with; behind it stands a piece of the answer. */
const stuck = "Failed to accept token in sampler";

/** A drawing by the library's own samplers: the fastest, and the only one that knows grammars. */
export function libraryDrawing({ sequence, loaded, request, output, seed, history }: DrawingPlan): Drawing {
  const { model, contextLength } = loaded;
  let held: { readonly gbnf: string; readonly state: LlamaGrammarEvaluationState } | undefined;
  const isChanging = output.grammarFields.length > 0 || request.sampling.dry !== undefined;
  const bias = { sampling: request.sampling, model, history, markers: output.markers, isHeld: () => held !== undefined };
  const options: SequenceEvaluateOptions = {
    evaluationPriority: placeOf(sequence, loaded.sequences),
    ...samplerOptions(request.sampling, model, { seed, history, contextLength }),
    ...(isChanging && { grammarEvaluationState: () => held?.state, tokenBias: tokenBiases(bias) }),
  };
  const field = output.grammarFields[0] ?? "response_format";
  const hold = (gbnf: string | undefined) => {
    if (gbnf !== held?.gbnf) held = gbnf === undefined ? undefined : { gbnf, state: beginGrammar(model, gbnf, field) };
  };
  let forced: readonly Token[] = [];
  let iterator: AsyncGenerator<Token, void, void | Token | Token[]> | undefined;
  return {
    async next(tokens, grammar) {
      const [taken, ...others] = forced;
      forced = others;
      hold(taken === undefined ? grammar : undefined);
      iterator ??= sequence.evaluate([...tokens], options);
      try {
        const { value } = await iterator.next([...tokens]);
        if (value === undefined) throw new Error("the sequence ended without a token");
        return { token: taken ?? value };
      } catch (error) {
        throw held !== undefined && isStuck(error)
          ? fault("engine_failed", "the grammar allows nothing that this model can write next")
          : error;
      }
    },
    force(tokens) {
      forced = tokens;
    },
    async close() {
      await iterator?.return();
    },
  };
}

function isStuck(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith(stuck);
}
