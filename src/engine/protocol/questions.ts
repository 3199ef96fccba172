import type { EngineConversation, EnginePrompt } from "./prompt.ts";

/** Questions by their type: what each asks, and what it is answered with. */
export interface EngineQuestions {
  /** Tokens of a prompt, as a request with it would be billed. */
  count: { asks: { readonly prompt: EnginePrompt }; answer: { readonly promptTokens: number } };
  /** The text that the model would read. */
  render: { asks: { readonly prompt: EnginePrompt }; answer: { readonly text: string } };
  /** `pieces` are the bytes of each token, base64. */
  tokenize: {
    asks: { readonly text: string; readonly addSpecial: boolean; readonly parseSpecial: boolean; readonly includePieces: boolean };
    answer: { readonly tokens: readonly number[]; readonly pieces?: readonly string[] };
  };
  detokenize: { asks: { readonly tokens: readonly number[] }; answer: { readonly text: string } };
  /** Prepares the state of a prompt's beginning: its messages and tools without the turn that would answer. */
  warm: {
    asks: { readonly prompt: EngineConversation; readonly tenant: string };
    answer: { readonly promptTokens: number; readonly cachedTokens: number };
  };
  /** `vectors` are little-endian float32 of length 1 (L2), base64, one an input. A call with many inputs asks for some of them at a time: `firstIndex` is the place of the first among all. With `isCut` an input that is too long is cut at its end rather than refused. */
  embed: {
    asks: { readonly inputs: readonly (string | readonly number[])[]; readonly firstIndex: number; readonly isCut: boolean };
    answer: { readonly vectors: readonly string[]; readonly promptTokens: number };
  };
  /** `scores` are 0 to 1, one a document. */
  rerank: {
    asks: { readonly query: string; readonly documents: readonly string[] };
    answer: { readonly scores: readonly number[]; readonly promptTokens: number };
  };
}

/** Type of a question. */
export type EngineQuestionType = keyof EngineQuestions;

/** One question of a given type, or of any. */
export type EngineQuestion<Type extends EngineQuestionType = EngineQuestionType> = {
  [Each in Type]: { readonly type: Each } & EngineQuestions[Each]["asks"];
}[Type];

/** What a question of a type is answered with. */
export type EngineAnswer<Type extends EngineQuestionType = EngineQuestionType> = EngineQuestions[Type]["answer"];
