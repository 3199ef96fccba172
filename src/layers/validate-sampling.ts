import type { Sampling } from "../../gen/parley/v1/sampling_pb.ts";
import type { Limits } from "../core/limits.ts";
import type { FieldViolation } from "../core/reasons.ts";

/** Range of each number of Sampling, both ends included but where `above` says otherwise. */
const ranges = [
  ["temperature", "temperature", 0, 2],
  ["topP", "top_p", 0, 1],
  ["topK", "top_k", 0, 2 ** 31 - 1],
  ["minP", "min_p", 0, 1],
  ["presencePenalty", "presence_penalty", -2, 2],
  ["frequencyPenalty", "frequency_penalty", -2, 2],
  ["repeatPenalty", "repeat_penalty", 0, 2],
  ["repeatLastN", "repeat_last_n", 0, 2 ** 31 - 1],
] as const;

/** Fields that must be above the lower end. */
const above: ReadonlySet<string> = new Set(["topP", "repeatPenalty"]);

/** Everything that is wrong with how tokens are to be drawn. NaN and infinities are outside every range. */
export function samplingViolations(sampling: Sampling, limits: Limits): FieldViolation[] {
  const found: FieldViolation[] = [];
  const check = (holds: boolean, field: string, description: string) => {
    if (!holds) found.push({ field: `sampling.${field}`, description });
  };
  for (const [key, field, least, most] of ranges) {
    const value = sampling[key];
    if (value === undefined) continue;
    const isAbove = above.has(key);
    check(
      (isAbove ? value > least : value >= least) && value <= most,
      field,
      `${value} is outside ${isAbove ? "above " : ""}${least} to ${most}`,
    );
  }
  const biases = Object.entries(sampling.logitBias);
  check(biases.length <= limits.maxLogitBias, "logit_bias", `${biases.length} is more than limits.maxLogitBias, ${limits.maxLogitBias}`);
  for (const [token, bias] of biases) {
    check(Number(token) >= 0, "logit_bias", `${token} is not a token id`);
    check(bias >= -100 && bias <= 100, "logit_bias", `${bias} of token ${token} is outside -100 to 100`);
  }
  checkRepetition(sampling, check);
  return found;
}

function checkRepetition({ xtc, dry }: Sampling, check: (holds: boolean, field: string, description: string) => void): void {
  if (xtc !== undefined) {
    const { probability, threshold } = xtc;
    check(probability >= 0 && probability <= 1, "xtc.probability", `${probability} is outside 0 to 1`);
    check(threshold >= 0 && threshold <= 1, "xtc.threshold", `${threshold} is outside 0 to 1`);
  }
  if (dry !== undefined) {
    const { multiplier, base = 1, allowedLength = 0, lastN = 0 } = dry;
    check(multiplier >= 0 && multiplier < Infinity, "dry.multiplier", `${multiplier} is not 0 or above`);
    check(base >= 1 && base < Infinity, "dry.base", `${base} is not 1 or above`);
    check(allowedLength >= 0, "dry.allowed_length", "is negative");
    check(lastN >= 0, "dry.last_n", "is negative");
  }
}
