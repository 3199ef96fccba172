import type { Token } from "node-llama-cpp";
import { invalidField } from "../../core/reasons.ts";
import { placeOf } from "../scheduling/batch.ts";
import type { Drawing, DrawingPlan } from "../drawing.ts";
import type { EngineSampling } from "../protocol/request.ts";
import { breakersOf } from "./breakers.ts";
import { chain, type Candidates } from "./chain.ts";
import { changed, changesAfter, type Changes } from "./changes.ts";
import { logprobOf } from "./logprob.ts";
import { endTokens } from "./special-tokens.ts";
import { inputOf, wantedLogits } from "./wanted.ts";

/**
 * A drawing by samplers of our own, for what the library's cannot: the model's own probabilities, keeping it from ending, and DRY over the prompt.
 * It asks for as many of the greatest logits as can matter and no more, since each token that the library hands over costs: exact, whatever was asked for.
 */
export function ownDrawing({ sequence, loaded, request, prompt, seed, history }: DrawingPlan): Drawing {
  const { model, vocabularySize } = loaded;
  const { sampling, topLogprobs, minTokens, ignoreEos } = request;
  const draw = chain(sampling, seed);
  const breakers = breakersOf(model, sampling.dry?.sequenceBreakers ?? []);
  const ends = minTokens > 0 || ignoreEos ? new Set([...endTokens(model), ...prompt.endTokens]) : [];
  const mayEnd = () => !ignoreEos && history.length - prompt.tokens.length >= minTokens;
  const options = { evaluationPriority: placeOf(sequence, loaded.sequences), contextShift: { strategy: neverShift } };
  let forced: readonly Token[] = [];
  return {
    async next(tokens) {
      const [taken, ...others] = forced;
      forced = others;
      const changes = changesAfter(history, { sampling, breakers, banned: mayEnd() ? [] : ends });
      const wanted = wantedLogits(changes, { sampling, vocabularySize, topLogprobs, taken });
      const results = await sequence.controlledEvaluate(inputOf(tokens, wanted), options);
      const { logits, totalLogitWeight } = results[tokens.length - 1]?.next ?? {};
      if (logits === undefined) throw new Error("the sequence gave no logits");
      const token = taken ?? (draw(candidatesOf(logits, changes, sampling)) as Token);
      if (topLogprobs === undefined || totalLogitWeight === undefined) return { token };
      return { token, logprob: logprobOf(model, token, { logits, totalLogitWeight, topLogprobs }) };
    },
    force(tokens) {
      forced = tokens;
    },
    close: async () => {},
  };
}

/** Prompts are measured before, and answers end at the context's end: nothing is ever shifted out. */
export function neverShift(): never {
  throw new Error("the context is full");
}

/** What may be drawn: the logits, greatest first, with their changes. */
function candidatesOf(logits: ReadonlyMap<number, number>, changes: Changes, sampling: EngineSampling): Candidates {
  const moved: [number, number][] = [];
  for (const [token, change] of changes) {
    const logit = logits.get(token);
    const value = logit === undefined ? -Infinity : changed(logit, change, sampling);
    if (value > -Infinity) moved.push([token, value]);
  }
  moved.sort(([, one], [, other]) => other - one);
  const tokens: number[] = [];
  const values: number[] = [];
  let at = 0;
  const take = (token: number, value: number) => {
    tokens.push(token);
    values.push(value);
  };
  for (const [token, logit] of logits) {
    if (changes.has(token)) continue;
    while (at < moved.length && moved[at]![1] > logit) take(...moved[at++]!);
    take(token, logit);
  }
  while (at < moved.length) take(...moved[at++]!);
  if (tokens.length === 0) throw invalidField("sampling.logit_bias", "bans every token that could be drawn");
  return { tokens, logits: values };
}
