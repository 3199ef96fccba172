import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { base64Decode } from "@bufbuild/protobuf/wire";
import { MessageSchema, Role, type Message, type PartSchema } from "../../../gen/parley/v1/messages_pb.ts";
import { invalidField } from "../../core/reasons.ts";
import { jsonTextAt, listAt, objectAt, oneOf, present, readAt, required, textAt, type Json } from "../openai/read.ts";

/** A part before it is one. */
export type PartInit = MessageInitShape<typeof PartSchema>;

const roleOf = oneOf({ system: Role.SYSTEM, user: Role.USER, assistant: Role.ASSISTANT, tool: Role.TOOL });

/** A call that no result has answered yet. */
interface OpenCall {
  readonly id: string;
  readonly name: string;
}

/** Reads `messages`; each becomes one message of ours, so that indexes in errors hold in both directions. */
export function messagesFromOllama(value: unknown): Message[] {
  const open: OpenCall[] = [];
  return listAt(value, "messages").map((item, index) => {
    const at = `messages[${index}].`;
    const message = objectAt(item, `messages[${index}]`);
    const role = roleOf(required(message, "role", at), `${at}role`);
    const of = { id: readAt(message, { at, name: "tool_call_id" }, textAt), name: readAt(message, { at, name: "tool_name" }, textAt) };
    if (role === Role.TOOL) return create(MessageSchema, { role, parts: [toolResult(message, of, { at, open })] });
    const calls = readAt(message, { at, name: "tool_calls" }, listAt) ?? [];
    const made = calls.map((call, place) => toolCall(call, { path: `${at}tool_calls[${place}]`, id: `call_${index}_${place}` }));
    for (const { id, name } of made) open.push({ id, name });
    return create(MessageSchema, {
      role,
      parts: [
        ...thinking(message, at),
        ...content(message, at),
        ...imagesFromOllama(message, at),
        ...made.map((call): PartInit => ({ part: { case: "toolCall", value: call } })),
      ],
    });
  });
}

function content(message: Json, at: string): PartInit[] {
  const text = readAt(message, { at, name: "content" }, textAt) ?? "";
  return text === "" ? [] : [{ part: { case: "text", value: { text } } }];
}

function thinking(message: Json, at: string): PartInit[] {
  const text = readAt(message, { at, name: "thinking" }, textAt) ?? "";
  return text === "" ? [] : [{ part: { case: "reasoning", value: { text } } }];
}

/** The pictures of a message, or of what stands for one. */
export function imagesFromOllama(message: Json, at: string): PartInit[] {
  const list = readAt(message, { at, name: "images" }, listAt) ?? [];
  return list.map((image, index): PartInit => {
    const path = `${at}images[${index}]`;
    return { part: { case: "image", value: { source: { case: "data", value: bytesAt(textAt(image, path), path) } } } };
  });
}

function bytesAt(text: string, path: string): Uint8Array {
  try {
    return base64Decode(text);
  } catch {
    throw invalidField(path, "is not base64");
  }
}

interface MadeCall extends OpenCall {
  readonly arguments: string;
}

/** Older clients give calls no id: the place of the call is its id then. */
function toolCall(value: unknown, { path, id }: { readonly path: string; readonly id: string }): MadeCall {
  const call = objectAt(value, path);
  const made = objectAt(required(call, "function", `${path}.`), `${path}.function`);
  const at = `${path}.function.`;
  const given = present(made, "arguments");
  return {
    id: readAt(call, { at: `${path}.`, name: "id" }, textAt) ?? id,
    name: textAt(required(made, "name", at), `${at}name`),
    arguments: given === undefined ? "{}" : jsonTextAt(given, `${at}arguments`),
  };
}

/** What a message says of the call that it answers. */
interface SaidCall {
  readonly id: string | undefined;
  readonly name: string | undefined;
}

/** A result says which call it answers by the id, by the function's name, or by its place alone. */
function toolResult(message: Json, { id, name }: SaidCall, { at, open }: { readonly at: string; readonly open: OpenCall[] }): PartInit {
  const found = open.findIndex((call) => (id === undefined ? name === undefined || call.name === name : call.id === id));
  const toolCallId = id ?? open[found]?.id;
  if (toolCallId === undefined) throw invalidField(`${at}tool_name`, "is of no call that waits for a result");
  if (found >= 0) open.splice(found, 1);
  return { part: { case: "toolResult", value: { toolCallId, content: [...content(message, at), ...imagesFromOllama(message, at)] } } };
}
