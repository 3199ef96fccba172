import { Role, type Message, type Part, type ReasoningPart, type ToolCall, type ToolResult } from "../../../gen/parley/v1/messages_pb.ts";
import { invalidField } from "../../core/reasons.ts";
import type { EngineMessage, EngineToolCall } from "../../engine/protocol/prompt.ts";
import { refuseNoObject } from "./json-text.ts";

/** The conversation's turns as the engine takes them: each result of a tool is a turn of its own. Throws `invalid_request` for messages that no template has a place for, naming the part. */
export function engineMessages(messages: readonly Message[]): EngineMessage[] {
  const calls = new OpenCalls();
  return messages
    .flatMap((message, index) => turnsOf(message, index, calls).map((turn) => ({ ...turn, index })))
    .map(({ index, ...turn }, at) => (index === at ? turn : { ...turn, index }));
}

function turnsOf(message: Message, index: number, calls: OpenCalls): readonly EngineMessage[] {
  const field = `messages[${index}]`;
  switch (message.role) {
    case Role.SYSTEM:
    case Role.DEVELOPER:
      return [{ role: "system", text: plainText(message.parts, `${field}.parts`), ...named(message) }];
    case Role.USER:
      return userTurns(message, field, calls);
    case Role.ASSISTANT:
      return [assistantTurn(message, field, calls)];
    case Role.TOOL:
      return toolTurns(message, field, calls);
    default:
      throw invalidField(`${field}.role`, "local models take system, developer, user, assistant and tool");
  }
}

function named({ name }: Message): Pick<EngineMessage, "name"> {
  return name === "" ? {} : { name };
}

/** Text of parts that are nothing else. */
function plainText(parts: readonly Part[], field: string): string {
  return parts.map(({ part }, index) => (part.case === "text" ? part.value.text : misplaced(part.case, `${field}[${index}]`))).join("");
}

function misplaced(kind: Part["part"]["case"], field: string): never {
  const name = (kind ?? "part").replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  throw invalidField(`${field}.${name}`, "has no place in a message of this role");
}

/** Results of tools, as Anthropic's clients send them, come before and between the words. */
function userTurns(message: Message, field: string, calls: OpenCalls): readonly EngineMessage[] {
  const turns: EngineMessage[] = [];
  let text: string | undefined;
  const say = () => {
    if (text !== undefined) turns.push({ role: "user", text, ...named(message) });
    text = undefined;
  };
  for (const [index, { part }] of message.parts.entries()) {
    const place = `${field}.parts[${index}]`;
    if (part.case === "toolResult") {
      say();
      turns.push(resultTurn(part.value, place, calls));
    } else text = (text ?? "") + (part.case === "text" ? part.value.text : misplaced(part.case, place));
  }
  if (turns.length === 0) text ??= "";
  say();
  return turns;
}

function toolTurns({ parts, name }: Message, field: string, calls: OpenCalls): readonly EngineMessage[] {
  if (parts.length === 0) throw invalidField(`${field}.parts`, "a message of a tool holds its results");
  return parts.map(({ part }, index) => {
    const place = `${field}.parts[${index}]`;
    const turn = part.case === "toolResult" ? resultTurn(part.value, place, calls) : misplaced(part.case, place);
    if (name !== "" && name !== turn.name) throw invalidField(`${field}.name`, `the call that it answers is of function "${turn.name}"`);
    return turn;
  });
}

function resultTurn({ toolCallId, content, isError }: ToolResult, field: string, calls: OpenCalls): EngineMessage {
  const name = calls.answer(toolCallId, `${field}.tool_result.tool_call_id`);
  const text = plainText(content, `${field}.tool_result.content`);
  return { role: "tool", text: isError ? `Error: ${text}` : text, name, toolCallId };
}

function assistantTurn(message: Message, field: string, calls: OpenCalls): EngineMessage {
  let text = "";
  let reasoning: string | undefined;
  const toolCalls: EngineToolCall[] = [];
  for (const [index, { part }] of message.parts.entries()) {
    const place = `${field}.parts[${index}]`;
    if (part.case === "text" || part.case === "refusal") text += part.value.text;
    else if (part.case === "reasoning") reasoning = joined(reasoning, part.value);
    else if (part.case === "toolCall") toolCalls.push(calls.open(part.value, `${place}.tool_call`));
    else misplaced(part.case, place);
  }
  return {
    role: "assistant",
    text,
    ...named(message),
    ...(reasoning !== undefined && { reasoning }),
    ...(toolCalls.length > 0 && { toolCalls }),
  };
}

/** Thinking that is hidden is another model's: of it there is nothing to read. */
function joined(before: string | undefined, { text, redactedData }: ReasoningPart): string | undefined {
  return text === "" && redactedData.length > 0 ? before : (before ?? "") + text;
}

/** Calls that wait for their results. */
class OpenCalls {
  readonly #names = new Map<string, string>();

  /** Notes a call. An id may come again when the earlier call has its result. */
  open({ id, name, arguments: text }: ToolCall, field: string): EngineToolCall {
    if (id === "") throw invalidField(`${field}.id`, "is required");
    if (this.#names.has(id)) throw invalidField(`${field}.id`, `"${id}" is the id of an earlier call that has no result yet`);
    const known = text.trim() === "" ? "{}" : text;
    refuseNoObject(known, `${field}.arguments`);
    this.#names.set(id, name);
    return { id, name, arguments: known };
  }

  /** The function whose call has its result now. */
  answer(id: string, field: string): string {
    const name = this.#names.get(id);
    if (name === undefined) throw invalidField(field, `"${id}" is no call of an earlier message that still waits for its result`);
    this.#names.delete(id);
    return name;
  }
}
