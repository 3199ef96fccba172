import { fault, invalidField, unsupportedField, type FaultOptions } from "../../core/reasons.ts";
import { allowedTools, toolInstructions } from "../output/tool-texts.ts";
import type { EngineConversation, EngineMessage } from "../protocol.ts";
import type { ChatTemplate } from "./chat-template.ts";
import { effortOptions } from "./effort.ts";
import { guardedPieces } from "./guard.ts";
import { TemplateProblem } from "./jinja.ts";
import type { SpecialTexts } from "./special-texts.ts";
import {
  markedData,
  templateMessage,
  templateTool,
  textsOf,
  withFoldedSystem,
  withJoinedNeighbours,
  withoutCalls,
  withSystemText,
} from "./template-messages.ts";

/** A conversation as a template writes it. */
export interface WrittenConversation {
  /** The text in pieces that are tokenized apart; special texts in them are the template's. */
  readonly pieces: readonly string[];
  /** Whether what the model writes next is thinking. */
  readonly isThinking: boolean;
}

/** Variables of a rendering that are not the caller's to set. */
const reserved = new Set([
  "messages",
  "tools",
  "add_generation_prompt",
  "raise_exception",
  "strftime_now",
  "range",
  "namespace",
  "true",
  "false",
  "none",
]);

/** Writes a conversation with a template, ready for the answer or, where the last message is gone on from, up to its end. Throws `invalid_request` or `unsupported_field` naming what the template has no place for. */
export function writtenConversation(conversation: EngineConversation, template: ChatTemplate, special: SpecialTexts): WrittenConversation {
  refuseUnwritable(conversation, template);
  const end = conversation.continueFinalMessage ? endMark(conversation) : undefined;
  const messages = told(end === undefined ? conversation.messages : marked(conversation.messages, end), conversation, template);
  const rendering = { conversation, template, special, isOpen: end !== undefined };
  const pieces = firstThatRenders(variants(messages, template), rendering);
  if (end !== undefined) return { pieces: upTo(end, pieces), isThinking: isInside(conversation.messages.at(-1)!, template) };
  const text = pieces.at(-1) ?? "";
  const { thinking } = template.style;
  return { pieces, isThinking: thinking !== undefined && text.trimEnd().endsWith(thinking.open.trimEnd()) };
}

function refuseUnwritable(
  { messages, templateOptions, continueFinalMessage, toolChoice }: EngineConversation,
  template: ChatTemplate,
): void {
  if (messages.length === 0) throw invalidField("messages", "is empty");
  for (const [at, { role, name, index = at }] of messages.entries()) {
    if (name === undefined || role === "tool" || template.namedRoles.has(role)) continue;
    throw unsupportedField(`messages[${index}].name`, `the model's chat template does not tell who of several speaks (role ${role})`);
  }
  const taken = Object.keys(templateOptions).find((name) => reserved.has(name));
  if (taken !== undefined) throw invalidField("chat_template_options", `"${taken}" is set by the service`);
  if (continueFinalMessage) refuseUncontinuable(messages.at(-1)!, toolChoice);
}

function refuseUncontinuable(last: EngineMessage, toolChoice: EngineConversation["toolChoice"]): void {
  if (last.role !== "assistant") throw invalidField("continue_final_message", "the last message is not the assistant's");
  if (last.toolCalls !== undefined)
    throw invalidField("continue_final_message", "the last message calls tools: only text can be gone on from");
  if (toolChoice.mode === "required")
    throw invalidField("continue_final_message", "contradicts tool_choice: a message that has begun with text goes on as text");
}

/** The messages with what the template has no words for said in ours. */
function told(
  messages: readonly EngineMessage[],
  { tools, toolChoice }: EngineConversation,
  { style }: ChatTemplate,
): readonly EngineMessage[] {
  const known = style.writesCalls ? messages : withoutCalls(messages, style);
  return style.listsTools ? known : withSystemText(known, toolInstructions(style, tools, toolChoice));
}

/** The conversation as it is, and then as templates that insist on turns or know no system messages take it. */
function* variants(messages: readonly EngineMessage[], { hasSystem }: ChatTemplate): Generator<readonly EngineMessage[]> {
  const known = hasSystem ? messages : withFoldedSystem(messages, 0);
  yield known;
  const joined = withJoinedNeighbours(known);
  if (joined.length < known.length) yield joined;
  if (!hasSystem || !messages.some(({ role }) => role === "system")) return;
  for (const from of [1, 0]) yield withJoinedNeighbours(withFoldedSystem(joined, from));
}

interface ConversationRendering {
  readonly conversation: EngineConversation;
  readonly template: ChatTemplate;
  readonly special: SpecialTexts;
  /** Whether no turn is begun for an answer. */
  readonly isOpen: boolean;
}

function firstThatRenders(all: Iterable<readonly EngineMessage[]>, rendering: ConversationRendering): readonly string[] {
  let first: TemplateProblem | undefined;
  for (const messages of all) {
    try {
      return rendered(messages, rendering);
    } catch (error) {
      if (!(error instanceof TemplateProblem)) throw error;
      first ??= error;
    }
  }
  throw templateFault(first?.message ?? "");
}

/** Refuses a conversation with the template's own words. */
function templateFault(words: string): Error {
  const description = "the model's chat template refuses them";
  const options: FaultOptions = { fields: [{ field: "messages", description }] };
  return fault("invalid_request", `messages: ${description}: ${words}`, options);
}

function rendered(
  messages: readonly EngineMessage[],
  { conversation, template, special, isOpen }: ConversationRendering,
): readonly string[] {
  const { templateOptions, toolChoice, reasoningEffort } = conversation;
  const tools = template.style.listsTools ? allowedTools(conversation.tools, toolChoice) : [];
  const fixed = { add_generation_prompt: !isOpen, ...effortOptions(reasoningEffort, template.effort, template.words) };
  const render = (mark: (text: string) => string) =>
    template.render(
      messages.map((message) => templateMessage(message, template.form, mark)),
      {
        ...fixed,
        ...Object.fromEntries(Object.entries(templateOptions).map(([name, value]) => [name, markedData(value, mark)])),
        ...(tools.length > 0 && { tools: tools.map((tool) => templateTool(tool, mark)) }),
      },
    );
  return guardedPieces(render, textsOf(messages, tools, templateOptions), special);
}

/** A character that no text of the last message has. */
function endMark({ messages }: EngineConversation): string {
  const { text = "", reasoning = "" } = messages.at(-1) ?? {};
  const marks = Array.from({ length: 32 }, (_, index) => String.fromCharCode(0xfdef - index));
  const mark = marks.find((each) => !text.includes(each) && !reasoning.includes(each));
  if (mark === undefined)
    throw invalidField("continue_final_message", "the last message holds every character that Unicode keeps for programs");
  return mark;
}

/** The last message with a mark at its end; where it only thinks yet, at the end of its thinking. */
function marked(messages: readonly EngineMessage[], end: string): readonly EngineMessage[] {
  const last = messages.at(-1)!;
  const isThought = last.text === "" && last.reasoning !== undefined;
  return [...messages.slice(0, -1), isThought ? { ...last, reasoning: last.reasoning + end } : { ...last, text: last.text + end }];
}

function upTo(end: string, pieces: readonly string[]): readonly string[] {
  const at = pieces.findLastIndex((piece) => piece.includes(end));
  const last = pieces[at];
  if (last === undefined) throw unsupportedField("continue_final_message", "the model's chat template leaves the last message out");
  return [...pieces.slice(0, at), last.slice(0, last.lastIndexOf(end))];
}

/** Whether a message that is gone on from ends in its thinking. */
function isInside({ text, reasoning }: EngineMessage, { style: { thinking } }: ChatTemplate): boolean {
  if (text === "" && reasoning !== undefined) return true;
  return thinking !== undefined && text.lastIndexOf(thinking.open) > text.lastIndexOf(thinking.close);
}
