import { fieldsFault } from "./reasons.ts";
import type { ConnectError } from "@connectrpc/connect";

/** Two wishes that local models cannot grant together, though each alone they can. */
export interface Combination {
  /** The one, for the README's table. */
  readonly one: string;
  /** The other: a path of the contract, with what of it is meant for the README's table. */
  readonly other: string;
  readonly which?: string;
  readonly because: string;
}

const grammar = "a grammar: response_format other than text, and tools that are called in a form";
const aloneKnow = "only the native library's samplers know grammars";

/** Every combination that is refused. */
export const combinations = {
  grammarAndMinTokens: { one: grammar, other: "min_tokens", because: `${aloneKnow}, and they cannot keep a model from ending` },
  grammarAndIgnoreEos: { one: grammar, other: "ignore_eos", because: `${aloneKnow}, and they cannot keep a model from ending` },
  grammarAndEndBias: {
    one: grammar,
    other: "sampling.logit_bias",
    which: "of a token that ends an answer",
    because: `${aloneKnow}, and they leave out biases of tokens that end an answer`,
  },
  grammarAndDry: {
    one: grammar,
    other: "sampling.dry",
    which: "with a repeat_penalty",
    because: `${aloneKnow}, and their DRY does not look at the prompt; ours comes as a bias, before a repeat_penalty instead of after it`,
  },
  grammarAndGreedyXtc: {
    one: grammar,
    other: "sampling.xtc",
    which: "at temperature 0",
    because: `${aloneKnow}, and at temperature 0 they look for top choices before top_k, top_p and min_p instead of after them`,
  },
  grammarAndLogprobs: {
    one: grammar,
    other: "top_logprobs",
    which: "with a model that cannot take back a token (recurrent, hybrid or with a sliding window)",
    because: `${aloneKnow}, and they tell no probabilities: each token is evaluated again for them`,
  },
} as const satisfies Readonly<Record<string, Combination>>;

/** Refuses a combination by both its fields; `one` are those of the request that ask for the first. */
export function combinationFault({ other, because }: Combination, one: readonly string[]): ConnectError {
  const together = (field: string, with_: string) => ({ field, description: `is not supported together with ${with_}: ${because}` });
  return fieldsFault("unsupported_field", [together(other, one.join(", ")), ...one.map((field) => together(field, other))]);
}
