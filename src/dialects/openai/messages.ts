import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { MediaDetail, MessageSchema, PartSchema, Role, type Message, type Part } from "../../../gen/parley/v1/messages_pb.ts";
import { invalidField, unsupportedField } from "../../core/reasons.ts";
import { thoughtsAt } from "./reasoning-details.ts";
import { bytesAt, jsonTextAt, listAt, objectAt, oneOf, present, readAt, required, saysAny, textAt, type Json } from "./read.ts";

type PartInit = MessageInitShape<typeof PartSchema>;

const roleOf = oneOf({
  system: Role.SYSTEM,
  developer: Role.DEVELOPER,
  user: Role.USER,
  assistant: Role.ASSISTANT,
  tool: Role.TOOL,
  function: Role.UNSPECIFIED,
});

const detailOf = oneOf({
  auto: MediaDetail.AUTO,
  low: MediaDetail.LOW,
  high: MediaDetail.HIGH,
  original: MediaDetail.ORIGINAL,
});

const audioTypes = oneOf({ wav: "audio/wav", mp3: "audio/mpeg", flac: "audio/flac", ogg: "audio/ogg", opus: "audio/ogg" });

/** Reads `messages`; each becomes one message of ours, so that indexes in errors hold in both directions. */
export function messagesFromOpenAI(value: unknown): Message[] {
  return listAt(value, "messages").map((message, index) =>
    messageFromOpenAI(objectAt(message, `messages[${index}]`), `messages[${index}].`),
  );
}

function messageFromOpenAI(message: Json, at: string): Message {
  const role = roleOf(required(message, "role", at), `${at}role`);
  if (role === Role.UNSPECIFIED) throw unsupportedField(`${at}role`, "function messages are of an older API; send a tool message");
  if (present(message, "function_call") !== undefined)
    throw unsupportedField(`${at}function_call`, "it is of an older API; send tool_calls");
  if (present(message, "audio") !== undefined) throw unsupportedField(`${at}audio`, "earlier audio answers are not kept");
  const name = readAt(message, { at, name: "name" }, textAt) ?? "";
  if (role === Role.TOOL) return create(MessageSchema, { role, name, parts: [toolResult(message, at)] });
  const content = contentParts(message, at);
  const parts = saysAny(message, answered)
    ? [...(thoughtsAt(message, at) ?? reasoning(message, at)), ...content, ...refusal(message, at), ...toolCalls(message, at)]
    : content;
  // Beside tool calls clients send an empty content.
  if (role === Role.ASSISTANT)
    return messageOf(
      role,
      name,
      parts.filter((part) => !isEmptyText(part)),
    );
  if (parts.length === 0) throw invalidField(`${at}content`, "is required");
  return messageOf(role, name, parts);
}

/** What messages that a model wrote have beside their content. */
const answered: ReadonlySet<string> = new Set(["reasoning_content", "reasoning", "reasoning_details", "refusal", "tool_calls"]);

function messageOf(role: Role, name: string, parts: readonly PartInit[]): Message {
  return { $typeName: "parley.v1.Message", role, name, parts: parts.map((part) => create(PartSchema, part)) };
}

function isEmptyText({ part }: PartInit): boolean {
  return part?.case === "text" && part.value.text === "";
}

/** Thinking that the client returns, under either of the names that servers use. */
function reasoning(message: Json, at: string): PartInit[] {
  const name = present(message, "reasoning_content") === undefined ? "reasoning" : "reasoning_content";
  const text = readAt(message, { at, name }, textAt);
  return text === undefined || text === "" ? [] : [{ part: { case: "reasoning", value: { text } } }];
}

function refusal(message: Json, at: string): PartInit[] {
  const text = readAt(message, { at, name: "refusal" }, textAt);
  return text === undefined || text === "" ? [] : [{ part: { case: "refusal", value: { text } } }];
}

function contentParts(message: Json, at: string): PartInit[] {
  const content = present(message, "content");
  if (content === undefined) return [];
  if (typeof content === "string") return [textPart(textAt(content, `${at}content`))];
  return listAt(content, `${at}content`).map((part, index) => contentPart(part, `${at}content[${index}]`));
}

function contentPart(value: unknown, path: string): PartInit {
  if (typeof value === "string") return textPart(textAt(value, path));
  const part = objectAt(value, path);
  const at = `${path}.`;
  const type = textAt(required(part, "type", at), `${at}type`);
  switch (type) {
    case "text":
    case "input_text":
    case "output_text":
      return textPart(textAt(required(part, "text", at), `${at}text`));
    case "refusal":
      return { part: { case: "refusal", value: { text: textAt(required(part, "refusal", at), `${at}refusal`) } } };
    case "image_url":
      return imagePart(required(part, "image_url", at), `${at}image_url`);
    case "input_audio":
      return audioPart(objectAt(required(part, "input_audio", at), `${at}input_audio`), `${at}input_audio.`);
    case "file":
      return filePart(objectAt(required(part, "file", at), `${at}file`), `${at}file.`);
    default:
      throw unsupportedField(`${at}type`, `${JSON.stringify(type.slice(0, 64))} is none of text, image_url, input_audio, file, refusal`);
  }
}

/** A literal of the generated types: most parts are of this kind, and `create` costs ten times as much. */
function textPart(text: string): Part {
  return { $typeName: "parley.v1.Part", part: { case: "text", value: { $typeName: "parley.v1.Text", text } } };
}

function imagePart(value: unknown, path: string): PartInit {
  // Some clients send the bare URL.
  const image: Json = typeof value === "string" ? { url: value } : objectAt(value, path);
  const at = `${path}.`;
  const url = textAt(required(image, "url", at), `${at}url`);
  const detail = readAt(image, { at, name: "detail" }, detailOf) ?? MediaDetail.UNSPECIFIED;
  return { part: { case: "image", value: { source: { case: "url", value: url }, detail } } };
}

function audioPart(audio: Json, at: string): PartInit {
  const data = bytesAt(required(audio, "data", at), `${at}data`);
  const mimeType = audioTypes(required(audio, "format", at), `${at}format`);
  return { part: { case: "audio", value: { source: { case: "data", value: data }, mimeType } } };
}

function filePart(file: Json, at: string): PartInit {
  const fileName = readAt(file, { at, name: "filename" }, textAt) ?? "";
  const id = readAt(file, { at, name: "file_id" }, textAt);
  if (id !== undefined) return { part: { case: "file", value: { source: { case: "fileId", value: id }, fileName } } };
  const url = textAt(required(file, "file_data", at), `${at}file_data`);
  if (url.startsWith("data:")) return { part: { case: "file", value: { source: { case: "url", value: url }, fileName } } };
  return { part: { case: "file", value: { source: { case: "data", value: bytesAt(url, `${at}file_data`) }, fileName } } };
}

function toolResult(message: Json, at: string): PartInit {
  const toolCallId = textAt(required(message, "tool_call_id", at), `${at}tool_call_id`);
  return { part: { case: "toolResult", value: { toolCallId, content: contentParts(message, at) } } };
}

function toolCalls(message: Json, at: string): PartInit[] {
  const calls = readAt(message, { at, name: "tool_calls" }, listAt) ?? [];
  return calls.map((value, index) => {
    const path = `${at}tool_calls[${index}]`;
    const call = objectAt(value, path);
    const type = readAt(call, { at: `${path}.`, name: "type" }, textAt) ?? "function";
    if (type !== "function")
      throw unsupportedField(`${path}.type`, `only function calls are known, not ${JSON.stringify(type.slice(0, 64))}`);
    const id = textAt(required(call, "id", `${path}.`), `${path}.id`);
    const called = objectAt(required(call, "function", `${path}.`), `${path}.function`);
    const name = textAt(required(called, "name", `${path}.function.`), `${path}.function.name`);
    const given = present(called, "arguments") ?? "";
    // Some clients send the arguments parsed.
    const text = (typeof given === "string" ? textAt : jsonTextAt)(given, `${path}.function.arguments`);
    return { part: { case: "toolCall", value: { id, name, arguments: text } } };
  });
}
