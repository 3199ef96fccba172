import type { Sampling } from "../../../../gen/parley/v1/sampling_pb.ts";
import { invalidField } from "../../../core/reasons.ts";
import type { Quirks } from "./quirks.ts";
import type { WireCommon } from "./wire.ts";

/** Writes how tokens are drawn: OpenAI's fields, and those that the upstream added. What it does not know is in its field table, and never comes here. */
export function addSampling(body: WireCommon, sampling: Sampling, quirks: Quirks): void {
  const { temperature, topP, seed, presencePenalty, frequencyPenalty, logitBias } = sampling;
  if (temperature !== undefined) body.temperature = temperature;
  if (topP !== undefined) body.top_p = topP;
  if (seed !== undefined) body.seed = seedNumber(seed);
  if (presencePenalty !== undefined) body.presence_penalty = presencePenalty;
  if (frequencyPenalty !== undefined) body.frequency_penalty = frequencyPenalty;
  if (Object.keys(logitBias).length > 0) body.logit_bias = { ...logitBias };
  Object.assign(body, extra[quirks.extraSampling](sampling));
}

function seedNumber(seed: bigint): number {
  const number = Number(seed);
  if (Number.isSafeInteger(number)) return number;
  throw invalidField("sampling.seed", `is beyond ${Number.MAX_SAFE_INTEGER}, where numbers of JSON lose digits`);
}

type Extra = (sampling: Sampling) => object;

function repetition({ topK, minP, repeatPenalty }: Sampling): object {
  return {
    ...(topK !== undefined && { top_k: topK }),
    ...(minP !== undefined && { min_p: minP }),
    ...(repeatPenalty !== undefined && { repetition_penalty: repeatPenalty }),
  };
}

const extra: Readonly<Record<Quirks["extraSampling"], Extra>> = {
  none: () => ({}),
  openrouter: repetition,
  // Older versions know all tokens as -1 alone.
  vllm: (sampling) => ({ ...repetition(sampling), ...(sampling.topK === 0 && { top_k: -1 }) }),
  lmstudio: llamaPenalties,
  "llama-server": (sampling) => ({ ...llamaPenalties(sampling), ...llamaDraws(sampling) }),
};

function llamaPenalties({ topK, minP, repeatPenalty, repeatLastN }: Sampling): object {
  return {
    ...(topK !== undefined && { top_k: topK }),
    ...(minP !== undefined && { min_p: minP }),
    ...(repeatPenalty !== undefined && { repeat_penalty: repeatPenalty }),
    ...(repeatLastN !== undefined && { repeat_last_n: repeatLastN }),
  };
}

function llamaDraws({ xtc, dry }: Sampling): object {
  return {
    ...(xtc !== undefined && { xtc_probability: xtc.probability, xtc_threshold: xtc.threshold }),
    ...(dry !== undefined && {
      dry_multiplier: dry.multiplier,
      // What llama.cpp starts with may be set by its own command line: the contract's defaults are said.
      dry_base: dry.base ?? 1.75,
      dry_allowed_length: dry.allowedLength ?? 2,
      dry_penalty_last_n: dry.lastN ?? -1,
      ...(dry.sequenceBreakers.length > 0 && { dry_sequence_breakers: dry.sequenceBreakers }),
    }),
  };
}
