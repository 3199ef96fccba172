import type { LlamaGrammarEvaluationState, LlamaModel, SequenceEvaluateOptions, Token, TokenBias } from "node-llama-cpp";
import { fault } from "../../core/reasons.ts";
import type { Drawing, DrawingPlan } from "../drawing.ts";
import { biasOf, samplerOptions } from "../sampling.ts";
import { beginGrammar } from "./grammars.ts";
import { hiddenTokens } from "./special-tokens.ts";

/** What the library says when a grammar and the vocabulary leave nothing to go on with; behind it stands a piece of the answer. */
const stuck = "Failed to accept token in sampler";

/** A drawing by the library's own samplers: the fastest, and the only one that knows grammars. */
export function libraryDrawing({ sequence, loaded, request, output, seed, history }: DrawingPlan): Drawing {
  const { model, contextLength } = loaded;
  let held: { readonly gbnf: string; readonly state: LlamaGrammarEvaluationState } | undefined;
  const options: SequenceEvaluateOptions = {
    ...samplerOptions(request.sampling, model, { seed, history, contextLength }),
    ...(output.grammarFields.length > 0 && {
      grammarEvaluationState: () => held?.state,
      tokenBias: biasUnderGrammar(request, { model, markers: output.markers, isHeld: () => held !== undefined }),
    }),
  };
  const hold = (gbnf: string | undefined) => {
    if (gbnf !== held?.gbnf) held = gbnf === undefined ? undefined : { gbnf, state: beginGrammar(model, gbnf) };
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

interface BiasPlan {
  readonly model: LlamaModel;
  readonly markers: ReadonlySet<string>;
  readonly isHeld: () => boolean;
}

/** A ban that gives way where a grammar leaves no other token: were all of them impossible, the library would take any, and an answer could end before its grammar does. */
const lastResort = { logit: -1_000_000 };

/** While a grammar holds, tokens that an answer does not show are banned: a grammar sees their names as text, and what is told would not match it. */
function biasUnderGrammar({ sampling }: DrawingPlan["request"], { model, markers, isHeld }: BiasPlan): () => TokenBias {
  const usual = biasOf(sampling, model);
  const strict = biasOf(sampling, model, lastResort);
  for (const token of hiddenTokens(model)) if (!markers.has(model.detokenize([token], true))) strict.set(token, lastResort);
  return () => (isHeld() ? strict : usual);
}

function isStuck(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith(stuck);
}
