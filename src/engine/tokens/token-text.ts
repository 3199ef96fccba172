/** Makes text of tokens; bytes that are no character become U+FFFD. */
export type Detokenize = (tokens: readonly number[], before: readonly number[]) => string;

/** Joins tokens into text. */
export interface TokenText {
  /** Takes the next token and answers with the characters that are whole now. */
  push(token: number): string;
}

const replacement = "\uFFFD";
/** A character has at most four bytes, so what is not whole four tokens later never will be. */
const mostPending = 4;
/** Tokens before, by which a vocabulary decides about the space between words. */
const mostBefore = 3;

/** A joiner of tokens whose characters may be spread over several: it never tells half of one. What is half at the end is dropped. */
export function tokenText(detokenize: Detokenize, prompt: readonly number[] = []): TokenText {
  let before = prompt.slice(-mostBefore);
  let pending: number[] = [];
  let told = 0;
  /** Where the half character stands, and for how many tokens it has. */
  let half = { at: -1, tokens: 0 };
  return {
    push(token) {
      pending.push(token);
      const text = detokenize(pending, before);
      const at = text.length - 1;
      half = { at, tokens: half.at === at ? half.tokens + 1 : 1 };
      if (text.endsWith(replacement) && half.tokens < mostPending) {
        const fresh = text.slice(told, at);
        told = Math.max(told, at);
        return fresh;
      }
      const fresh = text.slice(told);
      before = [...before, ...pending].slice(-mostBefore);
      pending = [];
      told = 0;
      half = { at: -1, tokens: 0 };
      return fresh;
    },
  };
}
