import type { LlamaModel, Token } from "node-llama-cpp";
import { fault } from "../core/reasons.ts";
import { chatStyle, type ChatStyle } from "./output/styles.ts";
import { commonLength, continuations } from "./prompt/beginning.ts";
import { chatTemplate, type ChatTemplate } from "./prompt/chat-template.ts";
import { writtenConversation, type ConversationWriter } from "./prompt/conversation.ts";
import { TemplateProblem } from "./prompt/jinja.ts";
import { rawTokens, withBegin } from "./prompt/raw-prompt.ts";
import { specialTextsOf } from "./prompt/special-texts.ts";
import { promptTooLong, type EngineConversation, type EngineModel, type EnginePrompt } from "./protocol.ts";

/** A prompt as the model reads it. */
export interface Prompt {
  readonly tokens: readonly Token[];
  /** Tokens that end an answer besides the model's own end tokens. */
  readonly endTokens: ReadonlySet<Token>;
  /** Texts that end an answer because the template begins the next turn with them. */
  readonly endTexts: readonly string[];
  /** What the template has written, or a raw prompt's text; empty for tokens. */
  readonly text: string;
  /** How the model writes calls and thinking. */
  readonly style: ChatStyle;
  /** Whether the answer begins inside of thinking that the prompt has opened. */
  readonly isThinking: boolean;
}

/** What a prompt is made for, if not for an answer. */
export interface PromptOptions {
  /** Only what every conversation that goes on from this one begins with; it may be without tokens. */
  readonly isBeginning?: boolean;
}

/** Makes prompts for one model. */
export type MakePrompt = (prompt: EnginePrompt, options?: PromptOptions) => Prompt;

/** Makes prompts, and knows whether the chat template is of use. */
export interface PromptMaker {
  readonly make: MakePrompt;
  /** Why conversations cannot be written; raw prompts can. */
  readonly problem: string | undefined;
}

/** What prompts of a model are held against. */
export interface PromptLimits extends Pick<EngineModel, "contextLength" | "longestTokenBytes"> {
  readonly vocabularySize: number;
  /** Jinja text that replaces the model's own. */
  readonly chatTemplate: string | undefined;
}

/** The form of models that bring no template: most that talk at all understand it. */
const usualTemplate =
  "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

const plain = { endTokens: new Set<Token>(), endTexts: [], style: chatStyle(undefined), isThinking: false };

/** The prompts of a model, by its own chat template unless another is given. The template is tried at once. Text of a message is never read as special tokens. */
export function promptMaker(model: LlamaModel, limits: PromptLimits): PromptMaker {
  const found = usableTemplate(model, limits.chatTemplate);
  const chats = "problem" in found ? undefined : new ChatPrompts(model, limits, found.template);
  return {
    problem: "problem" in found ? found.problem : undefined,
    make(prompt, { isBeginning = false } = {}) {
      if (prompt.type !== "messages") {
        const text = prompt.type === "text" ? prompt.text : "";
        return { ...plain, tokens: rawTokens(model, limits.vocabularySize, prompt), text };
      }
      if (chats === undefined) throw uselessTemplate("problem" in found ? found.problem : "");
      return isBeginning ? chats.beginning(prompt) : chats.prompt(prompt);
    },
  };
}

function uselessTemplate(problem: string): Error {
  return fault(
    "model_state",
    `the model's chat template is of no use: ${problem}; send raw_prompt, or load the model with another chat_template`,
  );
}

function usableTemplate(model: LlamaModel, given: string | undefined): { readonly template: ChatTemplate } | { readonly problem: string } {
  const { bos, eos } = model.tokens;
  const constants = { bos_token: textOf(model, bos), eos_token: textOf(model, eos) };
  try {
    return { template: chatTemplate(given ?? model.fileInfo.metadata.tokenizer?.chat_template ?? usualTemplate, constants) };
  } catch (error) {
    if (error instanceof TemplateProblem) return { problem: error.message };
    throw error;
  }
}

function textOf(model: LlamaModel, token: Token | null): string {
  return token === null ? "" : model.detokenize([token], true);
}

/** Prompts of conversations. */
class ChatPrompts {
  readonly #model: LlamaModel;
  readonly #writer: ConversationWriter;
  readonly #ends: Pick<Prompt, "endTokens" | "endTexts">;

  constructor(model: LlamaModel, limits: PromptLimits, template: ChatTemplate) {
    this.#model = model;
    this.#writer = { template, special: specialTextsOf(model), refuseHopeless: (text) => refuseHopeless(text, limits) };
    this.#ends = ends(model, template);
  }

  prompt(conversation: EngineConversation): Prompt {
    const { pieces, isThinking } = writtenConversation(conversation, this.#writer);
    const tokens = withBegin(
      this.#model,
      pieces.flatMap((piece) => this.#model.tokenize(piece, true)),
    );
    return { tokens, text: pieces.join(""), ...this.#ends, style: this.#writer.template.style, isThinking };
  }

  beginning(conversation: EngineConversation): Prompt {
    const prompts = continuations(conversation).map((each) => this.prompt(each));
    const [first] = prompts as [Prompt, ...Prompt[]];
    const text = first.text.slice(0, commonLength(prompts.map((each) => each.text)));
    const tokens = first.tokens.slice(0, commonLength(prompts.map((each) => each.tokens)));
    return { ...first, tokens, text, isThinking: false };
  }
}

/** Spares the tokenizer, which all streams wait for, a text that is too long however it is cut. The provider has not sent what it could tell before; here stands what the template has made of the rest. */
function refuseHopeless(text: string, { contextLength, longestTokenBytes }: PromptLimits): void {
  if (longestTokenBytes === undefined) return;
  const leastTokens = Math.ceil(Buffer.byteLength(text) / longestTokenBytes);
  if (leastTokens >= contextLength) throw promptTooLong(leastTokens, contextLength, false);
}

/** What the template writes after an answer: its first token where that is special, else its text. White space ends nothing, for answers have it too. */
function ends(model: LlamaModel, { afterAnswer, style }: ChatTemplate): Pick<Prompt, "endTokens" | "endTexts"> {
  const after = afterAnswer.trim();
  const [first] = model.tokenize(after, true);
  if (first === undefined) return { endTokens: new Set(), endTexts: [] };
  if (!model.isSpecialToken(first)) return { endTokens: new Set(), endTexts: [after] };
  // Where the same token also ends thinking, more comes behind it.
  const endsThinking = style.thinking !== undefined && style.thinking.close === model.detokenize([first], true);
  return { endTokens: new Set(endsThinking ? [] : [first]), endTexts: [] };
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
