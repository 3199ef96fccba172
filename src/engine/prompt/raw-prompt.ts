import { LlamaText, type LlamaModel, type Token } from "node-llama-cpp";
import { invalidField, unsupportedField } from "../../core/reasons.ts";
import type { EnginePrompt } from "../protocol/prompt.ts";
import { specialParts } from "./special-parts.ts";
import type { SpecialTexts } from "./special-texts.ts";

/** What a raw prompt is read with. */
export interface RawReader {
  readonly model: LlamaModel;
  readonly vocabularySize: number;
  readonly special: SpecialTexts;
}

/** Tokens of a prompt that is passed as it is. */
export function rawTokens(
  { model, vocabularySize, special }: RawReader,
  prompt: Exclude<EnginePrompt, { type: "messages" }>,
): readonly Token[] {
  const own =
    prompt.type === "text"
      ? textTokens(prompt.text, { model, special })
      : checkedTokens(prompt.tokens, vocabularySize, "raw_prompt.token_ids.ids");
  // Ids are taken as they are; text gets the begin token that the model was trained with.
  const tokens = prompt.suffix === undefined ? own : infill(model, own, prompt.suffix);
  const whole = prompt.type === "text" ? withBegin(model, tokens) : tokens;
  if (whole.length === 0) throw invalidField("raw_prompt", "it is empty, and this model has no begin token to start from");
  return whole;
}

/** Tokens of a text whose special texts are special tokens, in time that grows with its length alone. */
export function textTokens(text: string, { model, special }: Pick<RawReader, "model" | "special">): Token[] {
  const tokenize = (part: string) => model.tokenize(part, true);
  return [...specialParts(text, { special, tokenize })].flatMap(tokenize);
}

/** The ids, if the model has all of them. Throws `invalid_request` naming the first that it has not. */
export function checkedTokens(ids: readonly number[], vocabularySize: number, field: string): Token[] {
  const at = ids.findIndex((id) => !Number.isInteger(id) || id < 0 || id >= vocabularySize);
  if (at >= 0) throw invalidField(`${field}[${at}]`, `${ids[at]} is no token of this model: ids go from 0 to ${vocabularySize - 1}`);
  return [...ids] as Token[];
}

function infill(model: LlamaModel, before: readonly Token[], suffix: string): readonly Token[] {
  const { prefix, suffix: after, middle } = model.tokens.infill;
  if (prefix === null || after === null || middle === null)
    throw unsupportedField("raw_prompt.suffix", "the model's vocabulary has no tokens for filling a gap");
  return [prefix, ...before, after, ...LlamaText(suffix).tokenize(model.tokenizer, "trimLeadingSpace"), middle];
}

/** The tokens behind the begin token, where the model was trained with one. */
export function withBegin(model: LlamaModel, tokens: readonly Token[]): readonly Token[] {
  const { bos, shouldPrependBosToken } = model.tokens;
  return bos !== null && shouldPrependBosToken && tokens[0] !== bos ? [bos, ...tokens] : tokens;
}
