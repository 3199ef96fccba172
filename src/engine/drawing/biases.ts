import { TokenBias, type LlamaModel, type Token } from "node-llama-cpp";
import type { EngineSampling } from "../protocol/request.ts";
import { breakersOf } from "./breakers.ts";
import { dryPenalties } from "./dry.ts";
import { hiddenTokens, isHidden } from "./special-tokens.ts";

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
  const { dry } = sampling;
  if (dry === undefined) {
    const [usual, strict] = [biasOf(sampling, model), strictBias(sampling, model, markers)];
    return () => (isHeld() ? strict : usual);
  }
  const breakers = breakersOf(model, dry.sequenceBreakers);
  const own = new Map(sampling.logitBias);
  const isShown = (token: Token) => !isHidden(model, token) || markers.has(model.detokenize([token], true));
  return () => {
    const biases = isHeld() ? withoutHidden(biasOf(sampling, model, lastResort), model, markers) : biasOf(sampling, model);
    for (const [token, taken] of dryPenalties(history, dry, breakers)) {
      const bias = own.get(token) ?? 0;
      if (bias > banned && (!isHeld() || isShown(token as Token))) biases.set(token as Token, { logit: bias - taken });
    }
    return biases;
  };
}

/** By model and markers, the biases under a grammar of requests that have none of their own: vocabularies may have thousands of hidden tokens. */
const strictBiases = new WeakMap<LlamaModel, Map<string, TokenBias>>();

function strictBias(sampling: EngineSampling, model: LlamaModel, markers: ReadonlySet<string>): TokenBias {
  if (sampling.logitBias.length > 0) return withoutHidden(biasOf(sampling, model, lastResort), model, markers);
  const known = strictBiases.get(model) ?? new Map<string, TokenBias>();
  strictBiases.set(model, known);
  const name = JSON.stringify([...markers]);
  const strict = known.get(name) ?? withoutHidden(TokenBias.for(model), model, markers);
  // The markers come from the table of styles: there are few.
  known.set(name, strict);
  return strict;
}

/** Bans, as far as a grammar leaves a choice, what an answer does not show. */
function withoutHidden(biases: TokenBias, model: LlamaModel, markers: ReadonlySet<string>): TokenBias {
  const shown = new Set([...markers].flatMap((marker) => model.tokenize(marker, true)));
  for (const token of hiddenTokens(model)) if (!shown.has(token)) biases.set(token, lastResort);
  return biases;
}

/** The biases of a request. `ban` is what a banned token gets. */
export function biasOf({ logitBias }: EngineSampling, model: LlamaModel, ban: "never" | { logit: number } = "never"): TokenBias {
  const biases = TokenBias.for(model);
  for (const [token, logit] of logitBias) biases.set(token as Token, logit <= banned ? ban : { logit });
  return biases;
}
