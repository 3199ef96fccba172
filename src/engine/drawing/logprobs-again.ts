import type { Token } from "node-llama-cpp";
import { placeOf } from "../scheduling/batch.ts";
import type { Drawing, DrawingPlan } from "../drawing.ts";
import { logprobOf } from "./logprob.ts";
import { neverShift } from "./own.ts";
import { inputOf } from "./wanted.ts";

/**
 * Adds logprobs to a drawing that cannot tell them: the token by which the next one was drawn is taken back and evaluated again, in the turn after.
 * So every other call of `next` draws nothing, and half as many tokens come; the batches of others stay full.
 */
export function logprobsAgain(drawing: Drawing, { sequence, loaded, request }: DrawingPlan): Drawing {
  const topLogprobs = request.topLogprobs ?? 0;
  const options = { evaluationPriority: placeOf(sequence, loaded.sequences), contextShift: { strategy: neverShift } };
  let pending: Token | undefined;
  return {
    ...drawing,
    async next(tokens, grammar) {
      if (pending === undefined) {
        pending = (await drawing.next(tokens, grammar))?.token;
        return undefined;
      }
      const token = pending;
      pending = undefined;
      const end = sequence.nextTokenIndex;
      await sequence.eraseContextTokenRanges([{ start: end - 1, end }]);
      const input = inputOf(tokens.slice(-1), { top: Math.max(1, topLogprobs), byName: [token], weight: true });
      const [result] = await sequence.controlledEvaluate(input, options);
      const { logits, totalLogitWeight } = result?.next ?? {};
      if (logits === undefined || totalLogitWeight === undefined) throw new Error("the sequence gave no logits");
      return { token, logprob: logprobOf(loaded.model, token, { logits, totalLogitWeight, topLogprobs }) };
    },
  };
}
