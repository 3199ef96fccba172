import { LlamaText, resolveChatWrapper, type ChatHistoryItem, type ChatWrapper, type LlamaModel, type Token } from "node-llama-cpp";
import { fault, invalidField, unsupportedField } from "../core/reasons.ts";
import type { ChatStyle } from "./output/styles.ts";
import { promptTooLong, type EngineMessage, type EngineModel, type EnginePrompt } from "./protocol.ts";

/** A prompt as the model reads it. */
export interface Prompt {
  readonly tokens: readonly Token[];
  /** Tokens that end an answer besides the model's own end tokens. */
  readonly endTokens: ReadonlySet<Token>;
  /** Texts that end an answer because the template begins the next turn with them. */
  readonly endTexts: readonly string[];
  /** How the model of a conversation writes calls and thinking; absent: what it writes is text. */
  readonly style?: ChatStyle;
  /** Whether the prompt ends inside thinking, or right after thinking that it closed; absent: neither, and the model may begin to think. */
  readonly thinking?: "open" | "closed";
}

/** Makes prompts for one model. */
export type MakePrompt = (prompt: EnginePrompt) => Prompt;

/** What prompts of a model are held against. */
export interface PromptLimits extends Pick<EngineModel, "contextLength" | "longestTokenBytes"> {
  readonly vocabularySize: number;
  /** Jinja text that replaces the model's own. */
  readonly chatTemplate: string | undefined;
}

const withoutEnds = { endTokens: new Set<Token>(), endTexts: [] };

/** The prompts of a model, by its own chat template unless another is given. Text of a message is never read as special tokens. */
export function promptMaker(model: LlamaModel, limits: PromptLimits): MakePrompt {
  // Resolved at the first chat: a model without a usable template still serves raw prompts.
  let wrappers: readonly ChatWrapper[] | undefined;
  return (prompt) => {
    if (prompt.type !== "messages") return { tokens: rawTokens(model, limits.vocabularySize, prompt), ...withoutEnds };
    wrappers ??= chatWrappers(model, limits.chatTemplate);
    const { contextText, stopGenerationTriggers } = written(wrappers, prompt.messages);
    refuseHopeless(contextText, limits);
    return { tokens: withBegin(model, contextText.tokenize(model.tokenizer)), ...ends(model, stopGenerationTriggers) };
  };
}

/** The template as it is; and, for templates that insist on turns that alternate, the same with neighbours of one role joined. */
function chatWrappers(model: LlamaModel, chatTemplate: string | undefined): readonly ChatWrapper[] {
  const template = chatTemplate ?? model.fileInfo.metadata.tokenizer?.chat_template;
  if (template === undefined) return [resolveChatWrapper(model, { noJinja: true, warningLogs: false })];
  return [false, true].map((joinAdjacentMessagesOfTheSameType) =>
    resolveChatWrapper(model, {
      type: "jinjaTemplate",
      warningLogs: false,
      fallbackToOtherWrappersOnJinjaError: chatTemplate === undefined,
      customWrapperSettings: { jinjaTemplate: { template, joinAdjacentMessagesOfTheSameType, trimLeadingWhitespaceInResponses: false } },
    }),
  );
}

/** The messages as a template writes them. */
function written(wrappers: readonly ChatWrapper[], messages: readonly EngineMessage[]): ReturnType<ChatWrapper["generateContextState"]> {
  const chatHistory: ChatHistoryItem[] = [...messages.map(historyItem), { type: "model", response: [""] }];
  const endsWithAnswer = messages.at(-1)?.role === "assistant";
  let problem = "";
  for (const [index, wrapper] of wrappers.entries()) {
    // Joined with the empty turn that follows, an answer would be gone on from instead of answered.
    if (index > 0 && endsWithAnswer) break;
    try {
      return wrapper.generateContextState({ chatHistory });
    } catch (error) {
      problem ||= error instanceof Error ? error.message : String(error);
    }
  }
  throw fault("invalid_request", `messages: the model's chat template refuses this order of messages: ${problem}`, {
    fields: [{ field: "messages", description: "the model's chat template refuses this order of messages" }],
  });
}

/** Spares the tokenizer, which all streams wait for, a text that is too long however it is cut. The provider has not sent what it could tell before; here stands what the template has made of the rest. */
function refuseHopeless({ values }: LlamaText, { contextLength, longestTokenBytes }: PromptLimits): void {
  if (longestTokenBytes === undefined) return;
  const bytes = values.reduce((sum, value) => sum + (typeof value === "string" ? Buffer.byteLength(value) : 0), 0);
  const leastTokens = Math.ceil(bytes / longestTokenBytes);
  if (leastTokens >= contextLength) throw promptTooLong(leastTokens, contextLength, false);
}

function historyItem({ role, text }: EngineMessage): ChatHistoryItem {
  return role === "assistant" ? { type: "model", response: [text] } : { type: role === "system" ? "system" : "user", text };
}

/** What the template writes after an answer: its first token where that is special, else its text. White space ends nothing, for answers have it too. */
function ends(model: LlamaModel, triggers: readonly LlamaText[]): Pick<Prompt, "endTokens" | "endTexts"> {
  const endTokens = new Set<Token>();
  const endTexts: string[] = [];
  for (const trigger of triggers) {
    const [first] = trigger.tokenize(model.tokenizer, "trimLeadingSpace");
    if (first === undefined) continue;
    if (model.isSpecialToken(first)) endTokens.add(first);
    else if (trigger.toString().trim() !== "") endTexts.push(trigger.toString().trim());
  }
  return { endTokens, endTexts };
}

function rawTokens(model: LlamaModel, vocabularySize: number, prompt: Exclude<EnginePrompt, { type: "messages" }>): readonly Token[] {
  const own = prompt.type === "text" ? model.tokenize(prompt.text, true) : checkedTokens(prompt.tokens, vocabularySize);
  // Ids are taken as they are; text gets the begin token that the model was trained with.
  const tokens = prompt.suffix === undefined ? own : infill(model, own, prompt.suffix);
  const whole = prompt.type === "text" ? withBegin(model, tokens) : tokens;
  if (whole.length === 0) throw invalidField("raw_prompt", "it is empty, and this model has no begin token to start from");
  return whole;
}

function checkedTokens(ids: readonly number[], vocabularySize: number): readonly Token[] {
  const at = ids.findIndex((id) => !Number.isInteger(id) || id < 0 || id >= vocabularySize);
  if (at >= 0)
    throw invalidField(`raw_prompt.token_ids.ids[${at}]`, `${ids[at]} is no token of this model: ids go from 0 to ${vocabularySize - 1}`);
  return ids as readonly Token[];
}

function infill(model: LlamaModel, before: readonly Token[], suffix: string): readonly Token[] {
  const { prefix, suffix: after, middle } = model.tokens.infill;
  if (prefix === null || after === null || middle === null)
    throw unsupportedField("raw_prompt.suffix", "the model's vocabulary has no tokens for filling a gap");
  return [prefix, ...before, after, ...LlamaText(suffix).tokenize(model.tokenizer, "trimLeadingSpace"), middle];
}

function withBegin(model: LlamaModel, tokens: readonly Token[]): readonly Token[] {
  const { bos, shouldPrependBosToken } = model.tokens;
  return bos !== null && shouldPrependBosToken && tokens[0] !== bos ? [bos, ...tokens] : tokens;
}

/** The prompt, if it leaves room for at least one token of an answer. Throws `context_length_exceeded`. */
export function fitting(prompt: Prompt, contextLength: number): Prompt {
  const promptTokens = prompt.tokens.length;
  if (promptTokens >= contextLength) throw promptTooLong(promptTokens, contextLength, true);
  return prompt;
}

/** Text of a prompt, special tokens included, as a raw prompt's echo shows it. */
export function promptText(model: LlamaModel, prompt: EnginePrompt): string {
  if (prompt.type === "text") return prompt.text;
  return prompt.type === "tokens" ? model.detokenize([...prompt.tokens] as Token[], true) : "";
}
