import { create } from "@bufbuild/protobuf";
import { MessageSchema, Role, type Message } from "../../../../gen/parley/v1/messages_pb.ts";
import { invalidField, unsupportedField } from "../../../core/reasons.ts";
import { listAt, objectAt, oneOf, present, readAt, required, textAt, type Json } from "../read.ts";
import { contentAt, type PartInit, type PlacedParts } from "./content.ts";
import { unsealed } from "./sealed.ts";

/** Where in the body a message of ours came from. */
export interface Place {
  readonly message: string;
  readonly parts: readonly string[];
}

/** A conversation, and where in the body it came from. */
export interface PlacedMessages {
  readonly messages: readonly Message[];
  readonly places: readonly Place[];
}

const roleOf = oneOf({ user: Role.USER, assistant: Role.ASSISTANT, system: Role.SYSTEM, developer: Role.DEVELOPER });

/** What one item becomes. */
interface Turn extends PlacedParts {
  readonly role: Role;
  readonly path: string;
}

/**
 * Reads `instructions` and `input`. What the model said in one turn stands in several items - thinking, words, calls - and becomes one message,
 * since upstreams want calls beside the thinking that led to them, and their results right behind.
 */
export function messagesFromInput(body: Json): PlacedMessages {
  const turns = [...instructions(body), ...inputTurns(required(body, "input", ""))];
  const groups: Turn[][] = [];
  for (const turn of turns) {
    const group = groups.at(-1);
    if (group !== undefined && belongsTo(group, turn)) group.push(turn);
    else groups.push([turn]);
  }
  return { messages: groups.map(messageOf), places: groups.map(placeOf) };
}

function belongsTo(group: readonly Turn[], { role, parts }: Turn): boolean {
  const before = group.at(-1);
  if (before === undefined || role !== Role.ASSISTANT || before.role !== Role.ASSISTANT) return false;
  return !(isWords(before.parts.at(-1)) && isWords(parts[0]));
}

function isWords(part: PartInit | undefined): boolean {
  return part?.part?.case === "text" || part?.part?.case === "refusal";
}

function messageOf(group: readonly Turn[]): Message {
  return create(MessageSchema, { role: group[0]?.role ?? Role.UNSPECIFIED, parts: group.flatMap(({ parts }) => parts) });
}

function placeOf(group: readonly Turn[]): Place {
  return { message: group[0]?.path ?? "input", parts: group.flatMap(({ places }) => places) };
}

function instructions(body: Json): Turn[] {
  const text = readAt(body, { at: "", name: "instructions" }, textAt) ?? "";
  if (text === "") return [];
  return [{ role: Role.SYSTEM, path: "instructions", parts: [{ part: { case: "text", value: { text } } }], places: ["instructions"] }];
}

function inputTurns(input: unknown): Turn[] {
  if (typeof input === "string") {
    if (input === "") throw invalidField("input", "is empty");
    return [{ role: Role.USER, path: "input", ...contentAt(input, "input") }];
  }
  const items = listAt(input, "input");
  if (items.length === 0) throw invalidField("input", "is empty: at least one item is needed");
  const turns = items.flatMap((item, index) => itemTurns(objectAt(item, `input[${index}]`), `input[${index}]`));
  refuseLoneOutputs(turns);
  return turns;
}

/** Models and upstreams make nothing of a result that belongs to no call. */
function refuseLoneOutputs(turns: readonly Turn[]): void {
  const calls = new Set<string | undefined>();
  for (const { path, parts } of turns)
    for (const { part } of parts) {
      if (part?.case === "toolCall") calls.add(part.value.id);
      if (part?.case === "toolResult" && !calls.has(part.value.toolCallId))
        throw invalidField(`${path}.call_id`, "is of no function_call before it; send the call too, since nothing is kept");
    }
}

const known = "message, function_call, function_call_output, reasoning";

function itemTurns(item: Json, path: string): Turn[] {
  const at = `${path}.`;
  const type = readAt(item, { at, name: "type" }, textAt) ?? impliedType(item, at);
  switch (type) {
    case "message":
      return message(item, path);
    case "function_call":
      return [{ role: Role.ASSISTANT, path, places: [path], parts: [functionCall(item, at)] }];
    case "function_call_output":
      return [{ role: Role.TOOL, path, places: [path], parts: [functionOutput(item, at)] }];
    case "reasoning":
      return reasoning(item, path);
    case "item_reference":
      return reference(item, path);
    default:
      throw unsupportedField(`${at}type`, `${JSON.stringify(type.slice(0, 64))} is none of ${known}`);
  }
}

/** Messages need not say that they are some. */
function impliedType(item: Json, at: string): string {
  if (present(item, "role") === undefined) throw invalidField(`${at}type`, `is required, of ${known}; a message has a role`);
  return "message";
}

function message(item: Json, path: string): Turn[] {
  const at = `${path}.`;
  const role = roleOf(required(item, "role", at), `${at}role`);
  const content = contentAt(required(item, "content", at), `${at}content`);
  if (role !== Role.ASSISTANT) {
    if (content.parts.length === 0) throw invalidField(`${at}content`, "is empty");
    return [{ role, path, ...content }];
  }
  // Beside calls clients return words that were never said.
  const kept = content.parts.flatMap((part, index) => (isEmpty(part) ? [] : [{ part, place: content.places[index] ?? path }]));
  if (kept.length === 0) return [];
  return [{ role, path, parts: kept.map(({ part }) => part), places: kept.map(({ place }) => place) }];
}

function isEmpty({ part }: PartInit): boolean {
  return part?.case === "text" && part.value.text === "";
}

function functionCall(item: Json, at: string): PartInit {
  if (present(item, "namespace") !== undefined) throw unsupportedField(`${at}namespace`, "functions have names alone");
  const id = textAt(required(item, "call_id", at), `${at}call_id`);
  const name = textAt(required(item, "name", at), `${at}name`);
  return { part: { case: "toolCall", value: { id, name, arguments: textAt(required(item, "arguments", at), `${at}arguments`) } } };
}

function functionOutput(item: Json, at: string): PartInit {
  const toolCallId = textAt(required(item, "call_id", at), `${at}call_id`);
  const { parts } = contentAt(required(item, "output", at), `${at}output`);
  return { part: { case: "toolResult", value: { toolCallId, content: [...parts] } } };
}

/** What is sealed is whole; otherwise the words are the thinking itself, or its summary where that is all there is. An item with neither says nothing. */
function reasoning(item: Json, path: string): Turn[] {
  const at = `${path}.`;
  const thought = readAt(item, { at, name: "encrypted_content" }, unsealed);
  const words = thoughtIn(item, { at, name: "content" }) || thoughtIn(item, { at, name: "summary" });
  if (thought === undefined && words === "") return [];
  const value = thought ?? { text: words };
  return [{ role: Role.ASSISTANT, path, places: [path], parts: [{ part: { case: "reasoning", value } }] }];
}

const thoughtType = oneOf({ summary_text: "summary", reasoning_text: "text" });

function thoughtIn(item: Json, { at, name }: { readonly at: string; readonly name: string }): string {
  const parts = readAt(item, { at, name }, listAt) ?? [];
  const texts = parts.map((part, index) => {
    const below = `${at}${name}[${index}]`;
    const thought = objectAt(part, below);
    thoughtType(required(thought, "type", `${below}.`), `${below}.type`);
    return textAt(required(thought, "text", `${below}.`), `${below}.text`);
  });
  return texts.join("\n\n");
}

/** Nothing is kept that could be referred to. Thinking may be missing, as it always may; words and calls may not. */
function reference(item: Json, path: string): Turn[] {
  const id = textAt(required(item, "id", `${path}.`), `${path}.id`);
  if (id.startsWith("rs_")) return [];
  throw unsupportedField(path, "nothing is kept that could be referred to; send the item itself, as clients do with store: false");
}
