import { invalidField } from "../../core/reasons.ts";
import type { LoadedModel } from "../model.ts";
import { checkedTokens, textTokens, withBegin } from "../prompt/raw-prompt.ts";
import type { EngineAnswer, EngineQuestion } from "../protocol/questions.ts";
import { tokenBytes } from "./token-bytes.ts";

/** Most characters that are tokenized at one go: all streams wait for it, some tenths of a second for so many. */
export const maxTokenizeLength = 1024 * 1024;
/** Most tokens that are joined at one go, a tenth of a second. */
export const maxDetokenizeTokens = 256 * 1024;

/** Splits a text into tokens. Where special tokens are not parsed, their text is text like any other. */
export function tokenized(
  { model, special }: Pick<LoadedModel, "model" | "special">,
  question: EngineQuestion<"tokenize">,
): EngineAnswer<"tokenize"> {
  const { text, addSpecial, parseSpecial, includePieces } = question;
  if (text.length > maxTokenizeLength)
    throw invalidField("text", `has ${text.length} characters; at most ${maxTokenizeLength} are tokenized at once: send it in parts`);
  const own = parseSpecial ? textTokens(text, { model, special }) : model.tokenize(text, false);
  const tokens = addSpecial ? withBegin(model, own) : own;
  return { tokens, ...(includePieces && { pieces: tokens.map((token) => tokenBytes(model, token).toString("base64")) }) };
}

/** Joins tokens into text, special ones as they are written. */
export function detokenized(
  { model, vocabularySize }: Pick<LoadedModel, "model" | "vocabularySize">,
  { tokens }: EngineQuestion<"detokenize">,
): EngineAnswer<"detokenize"> {
  if (tokens.length > maxDetokenizeTokens)
    throw invalidField("token_ids", `are ${tokens.length}; at most ${maxDetokenizeTokens} are joined at once: send them in parts`);
  return { text: model.detokenize(checkedTokens(tokens, vocabularySize, "token_ids"), true) };
}
