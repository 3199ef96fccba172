import type { EngineSampling } from "../protocol/request.ts";
import { dryPenalties, type Breakers } from "./dry.ts";

/** What is done to the logit of one token before sampling. */
export interface Change {
  bias: number;
  /** How often it is among the tokens that penalties look at. */
  count: number;
  /** What DRY takes. */
  dry: number;
}

/** Changes by token; all others are drawn as the model has them. */
export type Changes = ReadonlyMap<number, Change>;

/** What changes are made of. */
export interface ChangePlan {
  readonly sampling: EngineSampling;
  readonly breakers: Breakers;
  /** Tokens that must not come. */
  readonly banned: Iterable<number>;
}

/** At this bias and below a token is banned. */
const ban = -100;

/** What is done to the logits for the token that comes after `history`. */
export function changesAfter(history: readonly number[], { sampling, breakers, banned }: ChangePlan): Changes {
  const changes = new Map<number, Change>();
  const of = (token: number): Change => {
    const change = changes.get(token) ?? { bias: 0, count: 0, dry: 0 };
    changes.set(token, change);
    return change;
  };
  for (const [token, bias] of sampling.logitBias) of(token).bias += bias <= ban ? -Infinity : bias;
  for (const token of banned) of(token).bias = -Infinity;
  if (isPenalizing(sampling)) for (const token of history.slice(-sampling.repeatLastTokens)) of(token).count++;
  if (sampling.dry !== undefined) for (const [token, taken] of dryPenalties(history, sampling.dry, breakers)) of(token).dry = taken;
  return changes;
}

function isPenalizing({ presencePenalty, frequencyPenalty, repeatPenalty, repeatLastTokens }: EngineSampling): boolean {
  return repeatLastTokens > 0 && (presencePenalty !== 0 || frequencyPenalty !== 0 || repeatPenalty !== 1);
}

/** Whether a change may lift a token over others. */
export function isLift({ bias, count }: Change, { presencePenalty, frequencyPenalty, repeatPenalty }: EngineSampling): boolean {
  if (bias === -Infinity) return false;
  return bias > 0 || (count > 0 && (repeatPenalty < 1 || count * frequencyPenalty + presencePenalty < 0));
}

const { fround } = Math;

/** The logit after a change, in single precision as llama.cpp computes it. */
export function changed(logit: number, { bias, count, dry }: Change, sampling: EngineSampling): number {
  const repeat = fround(sampling.repeatPenalty);
  let value = fround(logit + fround(bias));
  if (count > 0) {
    value = fround(value <= 0 ? value * repeat : value / repeat);
    value = fround(value - fround(fround(count * fround(sampling.frequencyPenalty)) + fround(sampling.presencePenalty)));
  }
  return fround(value - fround(dry));
}
