import type { ChatRequest, RawPrompt } from "../../../gen/parley/v1/chat_pb.ts";
import { Role, ToolChoiceMode, type Message, type Part } from "../../../gen/parley/v1/messages_pb.ts";

/** What is known of the answer that a request is to go on with. */
export interface Begun {
  readonly text: string;
  /** About how many tokens it is, what was thought included. */
  readonly tokens: number;
  /** Most tokens of the whole answer, as its first target was asked for it. */
  readonly maxTokens: number | undefined;
}

/** A request that goes on from a text. */
export interface Continuation {
  readonly request: ChatRequest;
  /** White space at the text's end that was left out of the request: the client has it already. */
  readonly trimmed: string;
}

/** A text that is gone on from a little before its end. */
export interface CutBack {
  readonly text: string;
  /** The word at its end that is asked for once more, whole or not; empty: the text ends between words. */
  readonly again: string;
}

/** Characters of a word that may be asked for once more. */
const mostAgain = 40;

/** Leaves out the word at the end of a text. A cut within a token leaves a beginning that no model has learnt to go on from. */
export function cutBack(text: string): CutBack {
  const [again = ""] = /\S*$/.exec(text) ?? [];
  if (again.length > mostAgain) return { text, again: "" };
  return { text: text.slice(0, text.length - again.length), again };
}

/**
 * Asks for the rest of an answer: the text so far becomes the assistant's last message. White space at its end is left out, for Anthropic refuses it and tokenizers join it with the word behind it.
 * Undefined where there is nothing to go on from, or a tool must be called.
 */
export function continuationOf(request: ChatRequest, { text, tokens, maxTokens }: Begun): Continuation | undefined {
  const prefix = text.trimEnd();
  if (prefix === "" || request.toolChoice?.mode === ToolChoiceMode.REQUIRED) return undefined;
  const asked = request.rawPrompt === undefined ? conversationOn(request, prefix) : rawOn(request, request.rawPrompt, prefix);
  if (asked === undefined) return undefined;
  const { minTokens } = request;
  const rest: ChatRequest = { ...quietly(asked) };
  delete rest.reasoning; // it has thought: models that think take no text to go on from
  if (maxTokens !== undefined) rest.maxTokens = Math.max(1, maxTokens - tokens);
  if (minTokens !== undefined) rest.minTokens = Math.min(Math.max(0, minTokens - tokens), rest.maxTokens ?? Infinity);
  return { request: rest, trimmed: text.slice(prefix.length) };
}

/** The request without a wish for progress: nothing is told of it after the answer has started. */
export function quietly(request: ChatRequest): ChatRequest {
  return request.includeProgress ? { ...request, includeProgress: false } : request;
}

function conversationOn(request: ChatRequest, prefix: string): ChatRequest | undefined {
  const { messages, continueFinalMessage } = request;
  if (messages.length === 0) return undefined;
  const last = messages.at(-1);
  if (!continueFinalMessage || last === undefined)
    return { ...request, messages: [...messages, assistantMessage([textPart(prefix)])], continueFinalMessage: true };
  return { ...request, messages: [...messages.slice(0, -1), { ...last, parts: withText(last.parts, prefix) }] };
}

function rawOn(request: ChatRequest, rawPrompt: RawPrompt, prefix: string): ChatRequest | undefined {
  const { prompt, suffix, echo } = rawPrompt;
  if (prompt.case !== "text" || suffix !== undefined || echo) return undefined;
  return { ...request, rawPrompt: { ...rawPrompt, prompt: { case: "text", value: prompt.value + prefix } } };
}

/** The parts with the text behind them, in the last part where that is text. */
function withText(parts: readonly Part[], words: string): Part[] {
  const last = parts.at(-1)?.part;
  return last?.case === "text" ? [...parts.slice(0, -1), textPart(last.value.text + words)] : [...parts, textPart(words)];
}

function textPart(text: string): Part {
  return { $typeName: "parley.v1.Part", part: { case: "text", value: { $typeName: "parley.v1.Text", text } } };
}

function assistantMessage(parts: Part[]): Message {
  return { $typeName: "parley.v1.Message", role: Role.ASSISTANT, name: "", parts };
}
