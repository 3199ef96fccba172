import type { EngineMessage, EngineTool, EngineToolCall } from "../protocol.ts";
import { callsText, resultText } from "../output/tool-texts.ts";
import type { ChatStyle } from "../output/styles.ts";
import type { Mark } from "./guard.ts";

/** What a template takes of a conversation. */
export interface TemplateForm {
  /** Whether the content of a message is a text, or a list of parts. */
  readonly content: "text" | "parts";
  /** Whether arguments of earlier calls are given as JSON text or as what it says; undefined: the template writes no calls. */
  readonly calls: "text" | "object" | undefined;
  /** Whether ids of calls must be nine letters and digits. */
  readonly hasShortIds: boolean;
  /** Name under which a message's earlier thinking is given; undefined: nowhere. */
  readonly reasoning: string | undefined;
}

/** A message as templates know it. */
export type TemplateMessage = Readonly<Record<string, unknown>>;

/** The message in the form that a template takes, its texts marked. */
export function templateMessage(message: EngineMessage, form: TemplateForm, mark: Mark): TemplateMessage {
  const { role, text, name, reasoning, toolCalls, toolCallId } = message;
  return {
    role,
    content: form.content === "text" ? mark(text) : [{ type: "text", text: mark(text) }],
    ...(name !== undefined && { name: mark(name) }),
    ...(reasoning !== undefined && form.reasoning !== undefined && { [form.reasoning]: mark(reasoning) }),
    ...(toolCalls !== undefined && { tool_calls: toolCalls.map((call) => templateCall(call, form, mark)) }),
    ...(toolCallId !== undefined && { tool_call_id: callId(toolCallId, form, mark) }),
  };
}

function templateCall(call: EngineToolCall, form: TemplateForm, mark: Mark): TemplateMessage {
  const { name, arguments: text } = call;
  const given = form.calls === "text" ? mark(text) : markedData(JSON.parse(text), mark);
  return { id: callId(call.id, form, mark), type: "function", function: { name: mark(name), arguments: given } };
}

function callId(id: string, { hasShortIds }: TemplateForm, mark: Mark): string {
  return mark(hasShortIds ? shortId(id) : id);
}

/** Nine letters and digits that follow from the id (FNV-1a, twice). */
function shortId(id: string): string {
  if (/^[A-Za-z0-9]{9}$/.test(id)) return id;
  const hash = (seed: number) =>
    Array.from(id).reduce((sum, character) => Math.imul(sum ^ character.codePointAt(0)!, 0x0100_0193) >>> 0, seed);
  return (hash(0x811c_9dc5).toString(36) + hash(0x01d8_9dc5).toString(36)).padEnd(9, "0").slice(-9);
}

/** A tool in OpenAI's shape, which templates know; its texts marked. */
export function templateTool({ name, description, parameters }: EngineTool, mark: Mark): TemplateMessage {
  const schema: unknown = parameters === "" ? { type: "object", properties: {} } : JSON.parse(parameters);
  return { type: "function", function: { name: mark(name), description: mark(description), parameters: markedData(schema, mark) } };
}

/** Data with every text in it marked, keys as well. */
export function markedData(data: unknown, mark: Mark): unknown {
  if (typeof data === "string") return mark(data);
  if (Array.isArray(data)) return data.map((item) => markedData(item, mark));
  if (typeof data !== "object" || data === null) return data;
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [mark(key), markedData(value, mark)]));
}

/** Calls and results as plain words, for templates that have no place for them. */
export function withoutCalls(messages: readonly EngineMessage[], style: ChatStyle): readonly EngineMessage[] {
  return messages.map((message) => {
    if (message.role === "tool") return { role: "user", text: resultText(message.name, message.text), ...placed(message) };
    const { toolCalls, ...rest } = message;
    if (toolCalls === undefined || toolCalls.length === 0) return message;
    return { ...rest, text: [rest.text, callsText(style, toolCalls)].filter((text) => text !== "").join("\n") };
  });
}

function placed({ index }: EngineMessage): Pick<EngineMessage, "index"> {
  return index === undefined ? {} : { index };
}

/** The conversation with more for the system message, which is the first where there was none. */
export function withSystemText(messages: readonly EngineMessage[], text: string): readonly EngineMessage[] {
  if (text === "") return messages;
  const [first, ...rest] = messages;
  if (first?.role !== "system") return [{ role: "system", text }, ...messages];
  return [{ ...first, text: first.text === "" ? text : `${first.text}\n\n${text}` }, ...rest];
}

/** System messages as the beginning of the next message of the user's, from a place on: for templates that take none, or none there. */
export function withFoldedSystem(messages: readonly EngineMessage[], from: number): readonly EngineMessage[] {
  const folded: EngineMessage[] = [];
  let pending = "";
  for (const [index, message] of messages.entries()) {
    if (message.role === "system" && index >= from) pending = glued(pending, message.text);
    else if (pending === "") folded.push(message);
    else if (message.role === "user") folded.push({ ...message, text: glued(pending, message.text) });
    else folded.push({ role: "user", text: pending }, message);
    if (message.role !== "system") pending = "";
  }
  return pending === "" ? folded : [...folded, { role: "user", text: pending }];
}

/** Neighbours of one role and name as one message, for templates that insist on turns. */
export function withJoinedNeighbours(messages: readonly EngineMessage[]): readonly EngineMessage[] {
  const joined: EngineMessage[] = [];
  for (const message of messages) {
    const last = joined.at(-1);
    if (last !== undefined && canJoin(last, message))
      joined[joined.length - 1] = { ...last, ...message, text: glued(last.text, message.text) };
    else joined.push(message);
  }
  return joined;
}

function canJoin(one: EngineMessage, other: EngineMessage): boolean {
  return (
    one.role === other.role &&
    one.role !== "tool" &&
    one.name === other.name &&
    one.toolCalls === undefined &&
    other.reasoning === undefined
  );
}

function glued(one: string, other: string): string {
  return one === "" || other === "" ? one + other : `${one}\n\n${other}`;
}

/** Every text of the caller's in messages and tools. */
export function textsOf(messages: readonly EngineMessage[], tools: readonly EngineTool[], options: unknown): readonly string[] {
  const texts: string[] = [];
  const note: Mark = (text) => {
    texts.push(text);
    return text;
  };
  markedData(
    messages.map((message) => templateMessage(message, everything, note)),
    (text) => text,
  );
  for (const tool of tools) templateTool(tool, note);
  markedData(options, note);
  return texts;
}

const everything: TemplateForm = { content: "text", calls: "object", hasShortIds: false, reasoning: "reasoning" };
