import type { TokenLogprob } from "../../../../gen/parley/v1/chat_pb.ts";
import { finiteLogprob } from "../response.ts";
import type { CompletionLogprobs } from "../wire/completions.ts";

/** The tokens of a text as lists in step; `offset`: characters before the first of them. Undefined tokens of none: null. */
export function completionLogprobs(tokens: readonly TokenLogprob[], offset: number): CompletionLogprobs | null {
  if (tokens.length === 0) return null;
  let at = offset;
  const offsets = tokens.map(({ token }) => {
    const begins = at;
    at += lengthOf(token);
    return begins;
  });
  return {
    tokens: tokens.map(({ token }) => token),
    token_logprobs: tokens.map(({ logprob }) => finiteLogprob(logprob)),
    top_logprobs: tokens.map(alternatives),
    text_offset: offsets,
  };
}

/** By text, the token itself among them; of two tokens of one text the likelier is told. */
function alternatives({ token, logprob, top }: TokenLogprob): Record<string, number> {
  const byText = new Map<string, number>();
  for (const each of [{ token, logprob }, ...top]) byText.set(each.token, Math.max(byText.get(each.token) ?? -Infinity, each.logprob));
  return Object.fromEntries([...byText].map(([text, value]) => [text, finiteLogprob(value)]));
}

/** Characters of a text as OpenAI counts them: code points. */
export function lengthOf(text: string): number {
  let length = 0;
  for (const _ of text) length++;
  return length;
}
