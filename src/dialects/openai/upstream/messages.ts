import type { JsonObject } from "@bufbuild/protobuf";
import {
  Role,
  type Message,
  type Part,
  type ReasoningPart,
  type ToolCall,
  type ToolResult,
} from "../../../../gen/parley/v1/messages_pb.ts";
import { invalidField, unsupportedField } from "../../../core/reasons.ts";
import { audioPart, filePart, imagePart } from "./media.ts";
import type { Quirks } from "./quirks.ts";
import { thinkingInDetails } from "./reasoning-details.ts";
import type { WireAssistant, WireMessage, WirePart, WireText, WireToolCall } from "./wire.ts";

/** The conversation as the upstream takes it; each result of a tool is a message of its own. Throws for what has no place in a message, naming the part. */
export function wireMessages(messages: readonly Message[], quirks: Quirks): WireMessage[] {
  const wire: WireMessage[] = [];
  for (let index = 0; index < messages.length; index++) {
    const message = messages[index];
    if (message !== undefined) addMessage(wire, message, { quirks, field: `messages[${index}]` });
  }
  return wire;
}

interface Place {
  readonly quirks: Quirks;
  /** Path of the message or part. */
  readonly field: string;
}

function addMessage(wire: WireMessage[], message: Message, place: Place): void {
  switch (message.role) {
    case Role.SYSTEM:
      wire.push({ role: "system", content: textContent(message.parts, place), ...named(message) });
      break;
    case Role.DEVELOPER:
      wire.push({ role: place.quirks.developerRole, content: textContent(message.parts, place), ...named(message) });
      break;
    case Role.USER:
      addUser(wire, message, place);
      break;
    case Role.ASSISTANT:
      wire.push({ ...assistantMessage(message, place), ...named(message) });
      break;
    case Role.TOOL:
      addResults(wire, message, place);
      break;
    default:
      throw invalidField(`${place.field}.role`, "is none of system, developer, user, assistant and tool");
  }
}

function named({ name }: Message): { name?: string } {
  return name === "" ? {} : { name };
}

function textContent(parts: readonly Part[], { quirks, field }: Place): string | WireText[] {
  const texts = parts.map(({ part }, index) => (part.case === "text" ? part.value.text : misplaced(part.case, `${field}.parts[${index}]`)));
  return texts.length > 1 && quirks.textParts === "list" ? texts.map(wireText) : texts.join("");
}

function wireText(text: string): WireText {
  return { type: "text", text };
}

function misplaced(kind: Part["part"]["case"], field: string): never {
  const name = (kind ?? "part").replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  throw invalidField(`${field}.${name}`, "has no place in a message of this role");
}

/** Results of tools, as Anthropic's clients send them, are messages of their own: before and between the words, as they stand. */
function addUser(wire: WireMessage[], message: Message, { quirks, field }: Place): void {
  const before = wire.length;
  let content: WirePart[] = [];
  const say = () => {
    if (content.length > 0) wire.push({ role: "user", content: spoken(content, quirks), ...named(message) });
    content = [];
  };
  for (let index = 0; index < message.parts.length; index++) {
    const place = { quirks, field: `${field}.parts[${index}]` };
    const part = message.parts[index]?.part;
    if (part?.case === "toolResult") {
      say();
      wire.push(resultMessage(part.value, place));
    } else content.push(userPart(part, place));
  }
  say();
  if (wire.length === before) wire.push({ role: "user", content: "", ...named(message) });
}

function spoken(parts: WirePart[], { textParts }: Quirks): string | WirePart[] {
  const [first] = parts;
  if (first?.type === "text" && parts.length === 1) return first.text;
  if (textParts === "list" || !parts.every(isText)) return parts;
  return parts.map(({ text }) => text).join("");
}

function isText(part: WirePart): part is WireText {
  return part.type === "text";
}

function userPart(part: Part["part"] | undefined, { field }: Place): WirePart {
  switch (part?.case) {
    case "text":
      return wireText(part.value.text);
    case "image":
      return imagePart(part.value, `${field}.image`);
    case "audio":
      return audioPart(part.value, `${field}.audio`);
    case "file":
      return filePart(part.value, `${field}.file`);
    default:
      return misplaced(part?.case, field);
  }
}

function addResults(wire: WireMessage[], { parts }: Message, { quirks, field }: Place): void {
  if (parts.length === 0) throw invalidField(`${field}.parts`, "a message of a tool holds its results");
  for (const [index, { part }] of parts.entries()) {
    const place = { quirks, field: `${field}.parts[${index}]` };
    wire.push(part.case === "toolResult" ? resultMessage(part.value, place) : misplaced(part.case, place.field));
  }
}

/** The format has no field for a failure: the text says it, as it does to local models. */
function resultMessage({ toolCallId, content, isError }: ToolResult, { quirks, field }: Place): WireMessage {
  const inner = { quirks, field: `${field}.tool_result.content` };
  const parts = content.map(({ part }, index) => resultPart(part, { quirks, field: `${inner.field}[${index}]` }));
  const words = isError ? [wireText("Error: "), ...parts] : parts;
  const isPlain = words.every(isText) && (words.length < 2 || quirks.textParts === "joined" || isError);
  const sent = isPlain ? words.map(({ text }) => text).join("") : words;
  // Images are only sent where the upstream takes them here, which OpenAI itself does not.
  return { role: "tool", tool_call_id: toolCallId, content: sent as string | WireText[] };
}

function resultPart(part: Part["part"], { quirks, field }: Place): WirePart {
  if (part.case === "text") return wireText(part.value.text);
  if (part.case !== "image") return misplaced(part.case, field);
  if (quirks.toolResultImages === "sent") return imagePart(part.value, `${field}.image`);
  throw unsupportedField(`${field}.image`, "results of tools are text here");
}

/** An assistant's message by kinds of parts: the format has one place for each, so their order among one another goes. */
interface Spoken {
  readonly texts: string[];
  readonly refusals: string[];
  readonly calls: WireToolCall[];
  readonly thinking: ReasoningPart[];
}

function assistantMessage(message: Message, { quirks, field }: Place): WireAssistant {
  const said: Spoken = { texts: [], refusals: [], calls: [], thinking: [] };
  for (const [index, { part }] of message.parts.entries()) addSpoken(said, part, { quirks, field: `${field}.parts[${index}]` });
  const { texts, refusals, calls, thinking } = said;
  const isSilent = texts.length === 0 && (calls.length > 0 || refusals.length > 0);
  const joined = texts.length > 1 && quirks.textParts === "list" ? texts.map(wireText) : texts.join("");
  return {
    role: "assistant",
    content: isSilent ? null : joined,
    ...(refusals.length > 0 && { refusal: refusals.join("") }),
    ...(calls.length > 0 && { tool_calls: calls }),
    ...returned(thinking, calls.length > 0, quirks),
  };
}

function addSpoken({ texts, refusals, calls, thinking }: Spoken, part: Part["part"], { quirks, field }: Place): void {
  switch (part.case) {
    case "text":
      texts.push(part.value.text);
      break;
    case "refusal":
      (quirks.refusals === "field" ? refusals : texts).push(part.value.text);
      break;
    case "reasoning":
      thinking.push(part.value);
      break;
    case "toolCall":
      calls.push(wireCall(part.value));
      break;
    default:
      misplaced(part.case, field);
  }
}

/** Models that need no arguments write nothing at all; templates of servers parse what they wrote. */
function wireCall({ id, name, arguments: words }: ToolCall): WireToolCall {
  return { id, type: "function", function: { name, arguments: words.trim() === "" ? "{}" : words } };
}

/** Earlier thinking, under the name that the upstream takes it by. */
function returned(
  thinking: readonly ReasoningPart[],
  hasCalls: boolean,
  { reasoningReturned: form, reasoningRequired: isRequired }: Quirks,
): { reasoning_content?: string; reasoning?: string; reasoning_details?: JsonObject[] } {
  if (form === "none") return {};
  if (form === "reasoning_details") return thinkingInDetails(thinking);
  const text = thinking.map((part) => part.text).join("");
  return text === "" && !(hasCalls && isRequired === "with_tool_calls") ? {} : { [form]: text };
}
