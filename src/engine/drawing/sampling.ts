import type { LlamaModel, SequenceEvaluateOptions, Token } from "node-llama-cpp";
import { invalidField } from "../../core/reasons.ts";
import { biasOf } from "./biases.ts";
import { neverShift } from "./own.ts";
import type { EngineSampling } from "../protocol/request.ts";

/** Refuses biases that the model cannot honour. */
export function checkBias(sampling: EngineSampling, vocabularySize: number): void {
  for (const [token] of sampling.logitBias) {
    if (token < 0 || token >= vocabularySize)
      throw invalidField("sampling.logit_bias", `${token} is no token of this model: ids go from 0 to ${vocabularySize - 1}`);
  }
}

/** The sampler's settings for one choice. `history` is the prompt's end and all that was drawn since, and is read at every token. */
export function samplerOptions(
  sampling: EngineSampling,
  model: LlamaModel,
  choice: { readonly seed: number; readonly history: readonly Token[]; readonly contextLength: number },
): SequenceEvaluateOptions {
  return {
    temperature: sampling.temperature,
    topK: sampling.topK,
    topP: sampling.topP,
    minP: sampling.minP,
    seed: choice.seed,
    yieldEogToken: true,
    contextShift: { strategy: neverShift },
    ...(sampling.xtc !== undefined && { xtc: sampling.xtc }),
    ...penalties(sampling, choice),
    ...(sampling.logitBias.length > 0 && { tokenBias: biasOf(sampling, model) }),
  };
}

function penalties(
  { presencePenalty, frequencyPenalty, repeatPenalty, repeatLastTokens: asked }: EngineSampling,
  { history, contextLength }: { readonly history: readonly Token[]; readonly contextLength: number },
): Pick<SequenceEvaluateOptions, "repeatPenalty"> {
  // The native sampler makes room for as many as it is told: there are never more than the context holds.
  const repeatLastTokens = Math.min(asked, contextLength);
  if (repeatLastTokens === 0 || (presencePenalty === 0 && frequencyPenalty === 0 && repeatPenalty === 1)) return {};
  return {
    repeatPenalty: {
      penalty: repeatPenalty,
      presencePenalty,
      frequencyPenalty,
      maxPunishTokens: repeatLastTokens,
      punishTokens: () => history.slice(-repeatLastTokens),
    },
  };
}
