import type { LlamaModel, Token } from "node-llama-cpp";
import { fault } from "../core/reasons.ts";
import { chatStyle, type ChatStyle } from "./output/styles.ts";
import { allowedTools } from "./output/tool-texts.ts";
import { commonLength, continuations } from "./prompt/beginning.ts";
import { chatTemplate, type ChatTemplate } from "./prompt/chat-template.ts";
import { writtenConversation, type ConversationWriter } from "./prompt/conversation.ts";
import { TemplateProblem } from "./prompt/jinja.ts";
import { rawTokens, withBegin } from "./prompt/raw-prompt.ts";
import { specialTextsOf, type SpecialTexts } from "./prompt/special-texts.ts";
import { promptTooLong } from "./protocol/errors.ts";
import type { EngineModel } from "./protocol/load.ts";
import type { EngineConversation, EnginePrompt } from "./protocol/prompt.ts";

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
  /** Texts of the model's special tokens. */
  readonly special: SpecialTexts;
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
  const special = specialTextsOf(model);
  const { chat_template: own = usualTemplate, ...others } = model.fileInfo.metadata.tokenizer ?? {};
  const chats = chatPrompts(model, limits.chatTemplate ?? own, { limits, special });
  // Some models bring a template of its own for tools.
  const ownForTools: unknown =
    limits.chatTemplate === undefined ? Object.entries(others).find(([key]) => key === toolTemplateKey)?.[1] : undefined;
  const withTools = typeof ownForTools === "string" ? chatPrompts(model, ownForTools, { limits, special }) : chats;
  return {
    special,
    problem: typeof chats === "string" ? chats : undefined,
    make(prompt, { isBeginning = false } = {}) {
      if (prompt.type !== "messages") {
        const text = prompt.type === "text" && prompt.suffix === undefined ? prompt.text : "";
        return { ...plain, tokens: rawTokens({ model, vocabularySize: limits.vocabularySize, special }, prompt), text };
      }
      const able = typeof withTools !== "string" && speaksOfTools(prompt) ? withTools : chats;
      if (typeof able === "string") throw uselessTemplate(able);
      return isBeginning ? able.beginning(prompt) : able.prompt(prompt);
    },
  };
}

/** `tokenizer.chat_template.tool_use` of a file, as the library's reader names it. */
const toolTemplateKey = "chat_template.tool_use";

function speaksOfTools({ messages, tools, toolChoice }: EngineConversation): boolean {
  return allowedTools(tools, toolChoice).length > 0 || messages.some(({ toolCalls }) => toolCalls !== undefined);
}

function uselessTemplate(problem: string): Error {
  return fault(
    "model_state",
    `the model's chat template is of no use: ${problem}; send raw_prompt, or load the model with another chat_template`,
  );
}

/** What writes with a template, or why it is of no use. */
function chatPrompts(
  model: LlamaModel,
  text: string,
  held: Pick<ConversationWriter, "special"> & { readonly limits: PromptLimits },
): ChatPrompts | string {
  const { bos, eos } = model.tokens;
  try {
    const template = chatTemplate(text, { bos_token: textOf(model, bos), eos_token: textOf(model, eos) });
    return new ChatPrompts(model, { template, special: held.special, refuseHopeless: (written) => refuseHopeless(written, held.limits) });
  } catch (error) {
    if (error instanceof TemplateProblem) return error.message;
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

  constructor(model: LlamaModel, writer: ConversationWriter) {
    this.#model = model;
    this.#writer = writer;
    this.#ends = ends(model, writer.template);
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
