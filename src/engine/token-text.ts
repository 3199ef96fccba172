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
  /** How many tokens ago the text began to end in half a character. */
  let halfSince = 0;
  return {
    push(token) {
      pending.push(token);
      const text = detokenize(pending, before);
      const isHalf = text.endsWith(replacement);
      halfSince = isHalf ? halfSince + 1 : 0;
      if (isHalf && halfSince < mostPending) {
        const fresh = text.slice(told, -1);
        told = Math.max(told, text.length - 1);
        return fresh;
      }
      const fresh = text.slice(told);
      before = [...before, ...pending].slice(-mostBefore);
      pending = [];
      told = 0;
      halfSince = 0;
      return fresh;
    },
  };
}
