import { callsText, resultText } from "../output/tool-texts.ts";
import type { ChatStyle } from "../output/styles.ts";
import type { EngineMessage } from "../protocol/prompt.ts";

// Conversations in other shapes that say the same, for templates that do not take them as they are.

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

/** Messages with several calls as several messages, each followed by its result, for templates that take one call a message. */
export function withSingleCalls(messages: readonly EngineMessage[]): readonly EngineMessage[] {
  const single: EngineMessage[] = [];
  const answered = new Set<EngineMessage>();
  for (const [at, message] of messages.entries()) {
    const { toolCalls = [], ...rest } = message;
    if (toolCalls.length < 2) {
      if (!answered.has(message)) single.push(message);
      continue;
    }
    for (const [index, call] of toolCalls.entries()) {
      single.push(index === 0 ? { ...rest, toolCalls: [call] } : { role: "assistant", text: "", toolCalls: [call] });
      const result = messages.slice(at + 1).find(({ role, toolCallId }) => role === "tool" && toolCallId === call.id);
      if (result === undefined || answered.has(result)) continue;
      answered.add(result);
      single.push(result);
    }
  }
  return single;
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
