import type { ControlledEvaluateInputItem, Token } from "node-llama-cpp";
import type { EngineRequest, EngineSampling } from "../protocol/request.ts";
import { isLift, type Changes } from "./changes.ts";

/** More tokens by name than this cost more than the whole vocabulary: each of its tokens is looked up among them. */
const mostByName = 64;

/** Which logits the library hands over: the greatest, and some by name. */
export interface Wanted {
  readonly top: number;
  readonly byName: readonly Token[];
  /** Whether the weight of all tokens is told, by which a logit becomes a probability. */
  readonly weight: boolean;
}

/** What logits are wanted for. */
export interface WantedFor {
  readonly sampling: EngineSampling;
  readonly vocabularySize: number;
  readonly topLogprobs: EngineRequest["topLogprobs"];
  /** The token that is taken whatever the logits are. */
  readonly taken: Token | undefined;
}

/**
 * The fewest logits from which everything can be drawn that could be from all of them. Of n changed tokens each may push one out of the greatest, so that n more are needed;
 * one that is lifted may come from anywhere, and is asked for by name. Only without top-k everything may be drawn.
 */
export function wantedLogits(changes: Changes, { sampling, vocabularySize, topLogprobs, taken }: WantedFor): Wanted {
  const { temperature, topK, xtc } = sampling;
  const kept = temperature <= 0 && xtc === undefined ? 1 : topK > 0 ? topK : vocabularySize;
  const lifted = [...changes].filter(([, change]) => isLift(change, sampling)).map(([token]) => token as Token);
  const top = lifted.length > mostByName ? vocabularySize : Math.max(kept + changes.size, topLogprobs ?? 0);
  const isAll = top >= vocabularySize;
  return {
    top: isAll ? vocabularySize : top,
    byName: [...(isAll ? [] : lifted), ...(isAll || taken === undefined ? [] : [taken])],
    weight: topLogprobs !== undefined,
  };
}

/** Tokens to evaluate, the last of which is followed by the wanted logits, as the model has them. */
export function inputOf(tokens: readonly Token[], { top, byName, weight }: Wanted): ControlledEvaluateInputItem[] {
  // Cut to the greatest by its top-k, the library need not sort the vocabulary; but then it knows neither the weight of all nor what is asked for by name.
  const isCut = !weight && byName.length === 0;
  const options = isCut ? { temperature: 1, topK: top, topP: 1, minP: 0, seed: 0 } : { temperature: 0 };
  const logits = { filter: { tokens: byName, includeTop: top } };
  return tokens.map((token, index) =>
    index < tokens.length - 1 ? token : [token, { generateNext: { token: true, logits, totalLogitWeight: weight, options } }],
  );
}
