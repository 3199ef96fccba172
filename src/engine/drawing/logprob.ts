import type { LlamaModel, Token } from "node-llama-cpp";
import type { EngineLogprob, EngineTopLogprob } from "../protocol/events.ts";
import { tokenBytes } from "../tokens/token-bytes.ts";

/** Less is told as this: JSON has no infinity. */
const least = -9999;

/** The model's own distribution of a next token. */
export interface Distribution {
  /** Greatest first, as many as alternatives are told and more. */
  readonly logits: ReadonlyMap<Token, number>;
  /** The sum of `exp(logit - greatest logit)` over all tokens. */
  readonly totalLogitWeight: number;
  readonly topLogprobs: number;
}

/** What is told of a token that was drawn. */
export function logprobOf(model: LlamaModel, token: Token, { logits, totalLogitWeight, topLogprobs }: Distribution): EngineLogprob {
  const [greatest = 0] = logits.values();
  const normalizer = greatest + Math.log(totalLogitWeight);
  const told = (id: Token, logit: number): EngineTopLogprob => {
    const bytes = tokenBytes(model, id);
    return { token: bytes.toString(), bytes: bytes.toString("base64"), logprob: Math.min(0, Math.max(least, logit - normalizer)) };
  };
  const top: EngineTopLogprob[] = [];
  for (const [id, logit] of logits) {
    if (top.length === topLogprobs) break;
    top.push(told(id, logit));
  }
  return { ...told(token, logits.get(token) ?? -Infinity), top };
}
