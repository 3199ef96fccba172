import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { base64Decode } from "@bufbuild/protobuf/wire";
import { MessageSchema, Role, type Message, type PartSchema } from "../../../gen/parley/v1/messages_pb.ts";
import { invalidField, unsupportedField } from "../../core/reasons.ts";
import { booleanAt, jsonTextAt, listAt, objectAt, oneOf, present, readAt, required, textAt, type Json } from "../openai/read.ts";

type PartInit = MessageInitShape<typeof PartSchema>;

/** Messages of ours, and for each the place in the body that it came from. */
export interface ReadMessages {
  readonly messages: Message[];
  /** Such as `system` or `messages[2]`. */
  readonly places: string[];
}

const roleOf = oneOf({ user: Role.USER, assistant: Role.ASSISTANT, system: Role.SYSTEM });

/** Reads `system` and `messages`. A user's message that brings results of tools becomes a message of a tool for each, and one of the user for the rest. */
export function messagesFromAnthropic(body: Json): ReadMessages {
  const read: ReadMessages = { messages: [], places: [] };
  const system = present(body, "system");
  if (system !== undefined) add(read, Role.SYSTEM, { parts: systemAt(system), place: "system" });
  const given = listAt(required(body, "messages", ""), "messages");
  if (given.length === 0) throw invalidField("messages", "is empty: at least one message is needed");
  for (const [index, value] of given.entries()) {
    const place = `messages[${index}]`;
    const message = objectAt(value, place);
    const role = roleOf(required(message, "role", `${place}.`), `${place}.role`);
    addMessage(read, role, { parts: blocksAt(required(message, "content", `${place}.`), `${place}.content`), place });
  }
  return read;
}

interface Spoken {
  readonly parts: PartInit[];
  readonly place: string;
}

function addMessage(read: ReadMessages, role: Role, { parts, place }: Spoken): void {
  const results = role === Role.USER ? parts.filter(({ part }) => part?.case === "toolResult") : [];
  for (const result of results) add(read, Role.TOOL, { parts: [result], place });
  if (results.length === 0 || results.length < parts.length)
    add(read, role, { parts: parts.filter((part) => !results.includes(part)), place });
}

function add({ messages, places }: ReadMessages, role: Role, { parts, place }: Spoken): void {
  messages.push(create(MessageSchema, { role, parts }));
  places.push(place);
}

/** Instructions are words alone. */
function systemAt(value: unknown): PartInit[] {
  const parts = blocksAt(value, "system");
  const other = parts.findIndex(({ part }) => part?.case !== "text");
  if (other >= 0) throw invalidField(`system[${other}].type`, "is not text");
  return parts;
}

function blocksAt(value: unknown, path: string): PartInit[] {
  if (typeof value === "string") return value === "" ? [] : [textPart(textAt(value, path))];
  if (!Array.isArray(value)) throw invalidField(path, "must be a string or an array of blocks");
  return value.map((block: unknown, index) => blockAt(block, `${path}[${index}]`));
}

function textPart(text: string): PartInit {
  return { part: { case: "text", value: { text } } };
}

/** How each kind of block is read; what no model of ours could be shown is refused. */
const readers: Readonly<Record<string, (block: Json, at: string) => PartInit>> = {
  text: (block, at) => textPart(textAt(required(block, "text", at), `${at}text`)),
  image: (block, at) => ({ part: { case: "image", value: sourceAt(block, at) } }),
  document: documentPart,
  tool_use: toolUsePart,
  tool_result: toolResultPart,
  thinking: (block, at) => {
    const text = textAt(required(block, "thinking", at), `${at}thinking`);
    return { part: { case: "reasoning", value: { text, signature: readAt(block, { at, name: "signature" }, textAt) ?? "" } } };
  },
  redacted_thinking: (block, at) => {
    const redactedData = new TextEncoder().encode(textAt(required(block, "data", at), `${at}data`));
    return { part: { case: "reasoning", value: { redactedData } } };
  },
};

function blockAt(value: unknown, path: string): PartInit {
  const block = objectAt(value, path);
  const at = `${path}.`;
  const type = textAt(required(block, "type", at), `${at}type`);
  const read = Object.hasOwn(readers, type) ? readers[type] : undefined;
  if (read === undefined)
    throw unsupportedField(`${at}type`, `${JSON.stringify(type.slice(0, 64))} is none of ${Object.keys(readers).join(", ")}`);
  const part = read(block, at);
  const providerOptions = cacheOptions(block, at);
  return providerOptions === undefined ? part : { ...part, providerOptions };
}

/** `cache_control` is passed on to upstreams that speak this format. */
export function cacheOptions(block: Json, at: string): PartInit["providerOptions"] {
  const control = readAt(block, { at, name: "cache_control" }, cacheControlAt);
  return control === undefined ? undefined : { anthropic: { cache_control: control } };
}

/** The marks there are, and for how long they keep. */
const cacheTypeOf = oneOf({ ephemeral: "ephemeral" });
const cacheTimeOf = oneOf({ "5m": "5m", "1h": "1h" });

/** Reads `cache_control`; what it says beside is of versions that are not known here. */
export function cacheControlAt(value: unknown, path: string): { readonly type: string; readonly ttl?: string } {
  const control = objectAt(value, path);
  const type = cacheTypeOf(required(control, "type", `${path}.`), `${path}.type`);
  const ttl = readAt(control, { at: `${path}.`, name: "ttl" }, cacheTimeOf);
  return { type, ...(ttl !== undefined && { ttl }) };
}

interface SourceInit {
  readonly source:
    | { readonly case: "data"; readonly value: Uint8Array }
    | { readonly case: "url"; readonly value: string }
    | { readonly case: "fileId"; readonly value: string };
  readonly mimeType?: string;
}

function sourceAt(block: Json, above: string): SourceInit {
  const source = objectAt(required(block, "source", above), `${above}source`);
  const at = `${above}source.`;
  const text = (name: string) => textAt(required(source, name, at), at + name);
  const type = text("type");
  switch (type) {
    case "base64":
      return { source: { case: "data", value: bytesAt(text("data"), `${at}data`) }, mimeType: text("media_type") };
    case "text":
      if (present(source, "media_type") !== undefined && text("media_type") !== "text/plain")
        throw invalidField(`${at}media_type`, "is not text/plain");
      return { source: { case: "data", value: new TextEncoder().encode(text("data")) }, mimeType: "text/plain" };
    case "url":
      return { source: { case: "url", value: text("url") } };
    case "file":
      return { source: { case: "fileId", value: text("file_id") } };
    default:
      throw unsupportedField(`${at}type`, `${JSON.stringify(type.slice(0, 64))} is none of base64, text, url, file`);
  }
}

function bytesAt(text: string, path: string): Uint8Array {
  try {
    return base64Decode(text);
  } catch {
    throw invalidField(path, "is not base64");
  }
}

function documentPart(block: Json, at: string): PartInit {
  const citations = readAt(block, { at, name: "citations" }, objectAt);
  if (citations !== undefined && readAt(citations, { at: `${at}citations.`, name: "enabled" }, booleanAt) === true)
    throw unsupportedField(`${at}citations`, "answers do not say what they cite");
  if (present(block, "context") !== undefined) throw unsupportedField(`${at}context`, "say it in a text beside the document");
  const fileName = readAt(block, { at, name: "title" }, textAt) ?? "";
  return { part: { case: "file", value: { ...sourceAt(block, at), fileName } } };
}

function toolUsePart(block: Json, at: string): PartInit {
  const id = textAt(required(block, "id", at), `${at}id`);
  const name = textAt(required(block, "name", at), `${at}name`);
  return { part: { case: "toolCall", value: { id, name, arguments: jsonTextAt(required(block, "input", at), `${at}input`) } } };
}

function toolResultPart(block: Json, at: string): PartInit {
  const toolCallId = textAt(required(block, "tool_use_id", at), `${at}tool_use_id`);
  const given = present(block, "content");
  const content = given === undefined ? [] : blocksAt(given, `${at}content`);
  const isError = readAt(block, { at, name: "is_error" }, booleanAt) ?? false;
  return { part: { case: "toolResult", value: { toolCallId, content, isError } } };
}
