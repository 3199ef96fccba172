import type { ChatEvent } from "../../../gen/parley/v1/chat_pb.ts";
import { chatEvent } from "../../core/events.ts";

/** What the client gets of an event of an attempt to go on: the event or a part of it, or nothing; `differs`: it does not fit what was told. */
export type Join = (event: ChatEvent) => ChatEvent | "nothing" | "differs";

/** Joins an answer that goes on from a text: white space that was left out of the request is not told twice, and what is thought anew is not told at all. */
export function continuedJoin(trimmed: string): Join {
  let left = trimmed;
  return (event) => {
    const { case: name, value } = event.event;
    if (isBefore(name) || name === "reasoning") return "nothing";
    if (name !== "text" || left === "") return event;
    const common = commonLength(left, value.text);
    left = common === value.text.length ? left.slice(common) : "";
    return withoutBeginning(event, common);
  };
}

/** Joins an answer that goes on from before the last word: that must come once more, as it was told. */
export function repeatedJoin(trimmed: string, again: string): Join {
  const [behindSpace, behindWord] = [continuedJoin(trimmed), restartedJoin(again)];
  return (event) => {
    const behind = behindSpace(event);
    return typeof behind === "string" ? behind : behindWord(behind);
  };
}

/** Joins an answer that was begun anew: what was told of its text is left out as long as it is the same to the character. What was thought is over, and not told again. */
export function restartedJoin(told: string): Join {
  let at = 0;
  return (event) => {
    const { case: name, value } = event.event;
    if (isBefore(name)) return "nothing";
    if (at === told.length) return event;
    if (name === "reasoning") return "nothing";
    if (name !== "text" || !told.startsWith(value.text.slice(0, told.length - at), at)) return "differs";
    const known = Math.min(value.text.length, told.length - at);
    at += known;
    return withoutBeginning(event, known);
  };
}

/** Joins an answer that was begun anew after it had broken off while it thought: what was thought is text to whoever reads it, so it must be the same. */
export function rethoughtJoin(told: string): Join {
  let at = 0;
  return (event) => {
    const { case: name, value } = event.event;
    if (isBefore(name)) return "nothing";
    if (at === told.length) return event;
    if (name !== "reasoning" || value.redactedData.length > 0) return "differs";
    if (!told.startsWith(value.text.slice(0, told.length - at), at)) return "differs";
    const known = Math.min(value.text.length, told.length - at);
    at += known;
    if (at < told.length && value.signature !== "") return "differs"; // a signature ends a thought
    return withoutBeginning(event, known);
  };
}

/** What the first attempt has told already. */
function isBefore(name: ChatEvent["event"]["case"]): boolean {
  return name === "accepted" || name === "progress" || name === "started";
}

function withoutBeginning(event: ChatEvent, length: number): ChatEvent | "nothing" {
  const { case: name, value } = event.event;
  if (length === 0 || (name !== "text" && name !== "reasoning")) return event;
  const words = value.text.slice(length);
  if (name === "text") return words === "" ? "nothing" : chatEvent({ case: "text", value: { ...value, text: words } });
  return words === "" && value.signature === "" ? "nothing" : chatEvent({ case: "reasoning", value: { ...value, text: words } });
}

function commonLength(one: string, other: string): number {
  let length = 0;
  while (length < one.length && one.charCodeAt(length) === other.charCodeAt(length)) length++;
  return length;
}
