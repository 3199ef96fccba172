import type { LlamaModel, Token } from "node-llama-cpp";

interface SpecialTokens {
  readonly hidden: ReadonlySet<Token>;
  readonly ends: readonly Token[];
}

const known = new WeakMap<LlamaModel, SpecialTokens>();

/** Tokens without a place in the text of an answer: control tokens and the unknown one, but for those that end it. */
export function hiddenTokens(model: LlamaModel): ReadonlySet<Token> {
  return specialTokens(model).hidden;
}

/** Whether an answer's text leaves out a token. */
export function isHidden(model: LlamaModel, token: Token): boolean {
  return specialTokens(model).hidden.has(token);
}

/** Tokens that end an answer. */
export function endTokens(model: LlamaModel): readonly Token[] {
  return specialTokens(model).ends;
}

/** Looked for once a model, 10 ms for 49,000 tokens. */
function specialTokens(model: LlamaModel): SpecialTokens {
  const special = known.get(model) ?? find(model);
  known.set(model, special);
  return special;
}

function find(model: LlamaModel): SpecialTokens {
  const hidden = new Set<Token>();
  const ends: Token[] = [];
  for (const token of model.iterateAllTokens()) {
    const { control, unknown } = model.getTokenAttributes(token);
    if (model.isEogToken(token)) ends.push(token);
    else if (control || unknown) hidden.add(token);
  }
  return { hidden, ends };
}
