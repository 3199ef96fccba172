import { TokenBias, type LlamaModel, type Token } from "node-llama-cpp";
import type { EngineSampling } from "../protocol.ts";
import { breakersOf } from "./breakers.ts";
import { dryPenalties } from "./dry.ts";
import { hiddenTokens } from "./special-tokens.ts";

/** What biases for the library's samplers are made of. */
export interface BiasPlan {
  readonly sampling: EngineSampling;
  readonly model: LlamaModel;
  /** Read at every token. */
  readonly history: readonly Token[];
  /** Texts of special tokens that a grammar may ask for. */
  readonly markers: ReadonlySet<string>;
  /** Whether a grammar holds now. */
  readonly isHeld: () => boolean;
}

/** At this bias and below a token is banned. */
const banned = -100;
/** A ban that gives way where a grammar leaves no other token: were all of them impossible, the library would take any, and an answer could end before its grammar does. */
const lastResort = { logit: -1_000_000 };

/**
 * The biases for each token, asked for before it is drawn.
 * While a grammar holds, tokens that an answer does not show are banned: a grammar sees their names as text, and what is told would not match it.
 * DRY comes as a bias too, for the library's own does not look at the prompt.
 */
export function tokenBiases({ sampling, model, history, markers, isHeld }: BiasPlan): () => TokenBias {
  const hidden = new Set([...hiddenTokens(model)].filter((token) => !markers.has(model.detokenize([token], true))));
  const usual = () => biasOf(sampling, model);
  const strict = () => {
    const biases = biasOf(sampling, model, lastResort);
    for (const token of hidden) biases.set(token, lastResort);
    return biases;
  };
  const { dry } = sampling;
  if (dry === undefined) {
    const [always, held] = [usual(), strict()];
    return () => (isHeld() ? held : always);
  }
  const breakers = breakersOf(model, dry.sequenceBreakers);
  const own = new Map(sampling.logitBias);
  return () => {
    const biases = isHeld() ? strict() : usual();
    for (const [token, taken] of dryPenalties(history, dry, breakers)) {
      const bias = own.get(token) ?? 0;
      if (bias > banned && !(isHeld() && hidden.has(token as Token))) biases.set(token as Token, { logit: bias - taken });
    }
    return biases;
  };
}

/** The biases of a request. `ban` is what a banned token gets. */
export function biasOf({ logitBias }: EngineSampling, model: LlamaModel, ban: "never" | { logit: number } = "never"): TokenBias {
  const biases = TokenBias.for(model);
  for (const [token, logit] of logitBias) biases.set(token as Token, logit <= banned ? ban : { logit });
  return biases;
}
