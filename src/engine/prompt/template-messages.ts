import type { EngineMessage, EngineTool, EngineToolCall } from "../protocol/prompt.ts";
import type { Mark } from "./guard.ts";

/** What a template takes of a conversation. */
export interface TemplateForm {
  /** Whether the content of a message is a text, or a list of parts. */
  readonly content: "text" | "parts";
  /** Whether arguments of earlier calls are given as JSON text or as what it says; undefined: the template writes no calls. */
  readonly calls: "text" | "object" | undefined;
  /** Whether a message may hold several calls. */
  readonly hasParallelCalls: boolean;
  /** Whether ids of calls must be nine letters and digits. */
  readonly hasShortIds: boolean;
  /** Name under which a message's earlier thinking is given; undefined: nowhere. */
  readonly reasoning: string | undefined;
}

/** A message as templates know it. */
export type TemplateMessage = Readonly<Record<string, unknown>>;

/** The message with the caller's texts marked, but for arguments that are still to become data. */
export function markedMessage(message: EngineMessage, form: TemplateForm, mark: Mark): EngineMessage {
  const { text, name, reasoning, toolCalls, toolCallId } = message;
  const markedCall = (call: EngineToolCall): EngineToolCall => ({
    id: callId(call.id, form, mark),
    name: mark(call.name),
    arguments: form.calls === "object" ? call.arguments : mark(call.arguments),
  });
  return {
    ...message,
    text: mark(text),
    ...(name !== undefined && { name: mark(name) }),
    ...(reasoning !== undefined && { reasoning: mark(reasoning) }),
    ...(toolCalls !== undefined && { toolCalls: toolCalls.map(markedCall) }),
    ...(toolCallId !== undefined && { toolCallId: callId(toolCallId, form, mark) }),
  };
}

/** The message in the form that a template takes. `mark` is for the texts in arguments. */
export function templateMessage(message: EngineMessage, form: TemplateForm, mark: Mark): TemplateMessage {
  const { role, text, name, reasoning, toolCalls, toolCallId } = message;
  return {
    role,
    content: form.content === "text" ? text : [{ type: "text", text }],
    ...(name !== undefined && { name }),
    ...(reasoning !== undefined && form.reasoning !== undefined && { [form.reasoning]: reasoning }),
    ...(toolCalls !== undefined && { tool_calls: toolCalls.map((call) => templateCall(call, form, mark)) }),
    ...(toolCallId !== undefined && { tool_call_id: toolCallId }),
  };
}

function templateCall({ id, name, arguments: text }: EngineToolCall, form: TemplateForm, mark: Mark): TemplateMessage {
  return { id, type: "function", function: { name, arguments: form.calls === "text" ? text : markedData(JSON.parse(text), mark) } };
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

/** The tool with the caller's texts marked. */
export function markedTool({ name, description, parameters, strict }: EngineTool, mark: Mark): EngineTool {
  const schema: unknown = parameters === "" ? { type: "object", properties: {} } : JSON.parse(parameters);
  return { name: mark(name), description: mark(description), parameters: JSON.stringify(markedData(schema, mark)), strict };
}

/** A tool in OpenAI's shape, which templates know. */
export function templateTool({ name, description, parameters }: EngineTool): TemplateMessage {
  return { type: "function", function: { name, description, parameters: JSON.parse(parameters) as unknown } };
}

/** Data with every text in it marked, keys as well. */
export function markedData(data: unknown, mark: Mark): unknown {
  if (typeof data === "string") return mark(data);
  if (Array.isArray(data)) return data.map((item) => markedData(item, mark));
  if (typeof data !== "object" || data === null) return data;
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [mark(key), markedData(value, mark)]));
}

/** Every text of the caller's in messages, tools and variables. */
export function textsOf(messages: readonly EngineMessage[], tools: readonly EngineTool[], options: unknown): readonly string[] {
  const texts: string[] = [];
  const note: Mark = (text) => {
    texts.push(text);
    return text;
  };
  for (const message of messages) templateMessage(markedMessage(message, asData, note), asData, note);
  for (const tool of tools) markedTool(tool, note);
  markedData(options, note);
  return texts;
}

const asData: TemplateForm = { content: "text", calls: "object", hasParallelCalls: true, hasShortIds: false, reasoning: undefined };
