/** Words for the keys under which thinking is told apart from the answer. */
export const thinkingWords = ["reasoning_content", "reasoning", "both"] as const;

/** A word for those keys. */
export type ThinkingWord = (typeof thinkingWords)[number];

/** How OpenAI's clients are answered: what is an operator's choice where servers of that format differ. */
export interface OpenAIDialectOptions {
  /** Under which keys chats tell thinking; clients that join the two of `both` say everything twice. */
  readonly thinking: ThinkingWord;
  /** Whether fields that nobody knows are refused, as OpenAI does, rather than ignored, as vLLM does. */
  readonly refusesUnknown: boolean;
}

/** What holds where the operator has not chosen: the widest known key, and the more forgiving way. */
export const usualDialect: OpenAIDialectOptions = { thinking: "reasoning_content", refusesUnknown: false };
