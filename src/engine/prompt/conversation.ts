import { fault, invalidField, unsupportedField } from "../../core/reasons.ts";
import { allowedTools, toolInstructions } from "../output/tool-texts.ts";
import type { EngineConversation, EngineMessage, EngineTool } from "../protocol/prompt.ts";
import type { ChatTemplate } from "./chat-template.ts";
import { effortOptions } from "./effort.ts";
import { guardedPieces, type Mark } from "./guard.ts";
import { TemplateProblem } from "./jinja.ts";
import { withFoldedSystem, withJoinedNeighbours, withoutCalls, withSingleCalls, withSystemText } from "./message-shapes.ts";
import type { SpecialTexts } from "./special-texts.ts";
import { markedData, markedMessage, markedTool, templateMessage, templateTool, textsOf } from "./template-messages.ts";

/** A conversation as a template writes it. */
export interface WrittenConversation {
  /** The text in pieces that are tokenized apart; special texts in them are the template's. */
  readonly pieces: readonly string[];
  /** Whether what the model writes next is thinking. */
  readonly isThinking: boolean;
}

/** What conversations are written with. */
export interface ConversationWriter {
  readonly template: ChatTemplate;
  readonly special: SpecialTexts;
  /** Throws for a text that is too long for anything more to be done with it. */
  readonly refuseHopeless: (text: string) => void;
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
export function writtenConversation(conversation: EngineConversation, writer: ConversationWriter): WrittenConversation {
  const { template } = writer;
  refuseUnwritable(conversation, template);
  if (!conversation.continueFinalMessage) {
    const pieces = firstThatRenders({ ...writer, conversation, addsTurn: true });
    const { thinking } = template.style;
    return { pieces, isThinking: thinking !== undefined && (pieces.at(-1) ?? "").trimEnd().endsWith(thinking.open.trimEnd()) };
  }
  const end = endMark(conversation);
  const ended = { ...conversation, messages: marked(conversation.messages, end) };
  const pieces = upTo(end, firstThatRenders({ ...writer, conversation: ended, addsTurn: false }));
  return { pieces, isThinking: isInside(conversation.messages.at(-1)!, template) };
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

/** The messages with what the template has no words for said in ours; texts of the caller's are marked already. */
function told(
  messages: readonly EngineMessage[],
  tools: readonly EngineTool[],
  { template, conversation }: Rendering,
): readonly EngineMessage[] {
  const { style, form } = template;
  const known = style.writesCalls ? messages : withoutCalls(messages, style);
  const single = form.hasParallelCalls ? known : withSingleCalls(known);
  if (style.listsTools || tools.length === 0) return single;
  return withSystemText(single, toolInstructions(style, tools, { ...conversation.toolChoice, names: [] }));
}

type Shape = (messages: readonly EngineMessage[]) => readonly EngineMessage[];

/** Shapes of a conversation in the order in which they are tried: as it is, and then as templates that insist on turns or know fewer system messages take it. */
function shapesFor({ system }: ChatTemplate): readonly Shape[] {
  const asKnown: Shape = (messages) => {
    const isAlone = !messages.some(({ role }) => role === "user");
    const isTaken = system.isFirst && (system.isAlone || !isAlone);
    if (!isTaken) return withFoldedSystem(messages, 0);
    return system.isLater ? messages : withFoldedSystem(messages, 1);
  };
  const joined: Shape = (messages) => withJoinedNeighbours(asKnown(messages));
  const foldedLater: Shape = (messages) => withJoinedNeighbours(withFoldedSystem(joined(messages), 1));
  const folded: Shape = (messages) => withJoinedNeighbours(withFoldedSystem(messages, 0));
  return [asKnown, joined, foldedLater, folded];
}

interface Rendering extends ConversationWriter {
  readonly conversation: EngineConversation;
  /** Whether a turn is begun for an answer. */
  readonly addsTurn: boolean;
}

/** The pieces of the first shape that the template takes. */
function firstThatRenders(rendering: Rendering): readonly string[] {
  const { conversation, template, special } = rendering;
  const tools = allowedTools(conversation.tools, conversation.toolChoice);
  const texts = textsOf(conversation.messages, tools, conversation.templateOptions);
  let first: TemplateProblem | undefined;
  for (const shape of shapesFor(template)) {
    try {
      return guardedPieces((mark) => rendered({ ...rendering, shape, mark, tools }), texts, special);
    } catch (error) {
      if (!(error instanceof TemplateProblem)) throw error;
      first ??= error;
      if (error.kind === "limit") break;
    }
  }
  throw templateFault(first!);
}

interface ShapedRendering extends Rendering {
  readonly shape: Shape;
  readonly mark: Mark;
  readonly tools: readonly EngineTool[];
}

function rendered(rendering: ShapedRendering): string {
  const { conversation, template, addsTurn, shape, mark } = rendering;
  const { templateOptions, reasoningEffort } = conversation;
  const tools = rendering.tools.map((tool) => markedTool(tool, mark));
  const messages = conversation.messages.map((message) => markedMessage(message, template.form, mark));
  const text = template.render(
    shape(told(messages, tools, rendering)).map((message) => templateMessage(message, template.form, mark)),
    {
      add_generation_prompt: addsTurn,
      ...effortOptions(reasoningEffort, template),
      ...Object.fromEntries(Object.entries(templateOptions).map(([name, value]) => [name, markedData(value, mark)])),
      ...(template.style.listsTools && tools.length > 0 && { tools: tools.map(templateTool) }),
    },
  );
  rendering.refuseHopeless(text);
  return text;
}

/** Refuses a conversation with the template's own words. */
function templateFault({ message, kind }: TemplateProblem): Error {
  const description = kind === "limit" ? "the model's chat template makes too much of them" : "the model's chat template refuses them";
  const advice = kind === "limit" ? "; send less, or have the model loaded with another chat template" : "";
  return fault("invalid_request", `messages: ${description}: ${message}${advice}`, { fields: [{ field: "messages", description }] });
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
