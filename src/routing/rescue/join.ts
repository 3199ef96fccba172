import type { ChatEvent } from "../../../gen/parley/v1/chat_pb.ts";
import { chatEvent, text as textEvent } from "../../core/events.ts";

/** What the client gets of an event of an attempt to go on: the event or a part of it, with what was kept back before it, or nothing; `differs`: it does not fit what was told. */
export type Join = (event: ChatEvent) => ChatEvent | ChatEvent[] | "nothing" | "differs";

type PlainJoin = (event: ChatEvent) => ChatEvent | "nothing" | "differs";

/**
 * Joins an answer that goes on from a text: white space that was left out of the request is not told twice, and what is thought anew is not told at all.
 * White space that it begins with goes on from an end of what the client has; what does not is another word for the same gap, and dropped.
 */
export function continuedJoin(trimmed: string): PlainJoin {
  const behindGap = gap(trimmed);
  return (event) => {
    const { case: name, value } = event.event;
    if (isBefore(name) || name === "reasoning") return "nothing";
    if (name !== "text") return event;
    const words = behindGap(value.text);
    return words.length === value.text.length ? event : withText(event, words);
  };
}

/** Leaves out of a text, piece by piece, the white space at its beginning that is told already. */
function gap(trimmed: string): (piece: string) => string {
  let lead = "";
  let isOver = trimmed === "";
  let isDropped = false;
  return (piece) => {
    if (isOver) return piece;
    const words = piece.trimStart();
    isOver = words !== "";
    if (isDropped) return words;
    lead += piece.slice(0, piece.length - words.length);
    if (!isOver && lead.length < trimmed.length) return "";
    const known = overlap(trimmed, lead);
    isDropped = known === 0;
    isOver ||= known > 0;
    return isDropped ? words : lead.slice(known) + words;
  };
}

/**
 * Sees whether what should go on from a text begins with that text instead, as an answer does that a target has begun anew: what is the same is left out, and `differs` says where other words come.
 * That begins alike what is neither five words long nor forty characters may be a coincidence, so it is told: texts so short are always gone on from.
 */
export function orAnewJoin(told: string, goOn: PlainJoin): Join {
  const known = told.trimStart();
  let kept = "";
  let join = isTelling(known) ? undefined : goOn;
  return (event) => {
    if (join !== undefined) return join(event);
    const { case: name, value } = event.event;
    if (isBefore(name) || name === "reasoning") return "nothing";
    const words = name === "text" ? kept + value.text : kept;
    const beginning = beginningOf(words, known, name !== "text");
    if (beginning === "differs") return "differs";
    if (beginning === "unclear") {
      kept = words;
      return "nothing";
    }
    join = beginning === "anew" ? restartedJoin(known) : goOn;
    if (name !== "text") return kept === "" ? join(event) : inOrder([join(textEvent(0, kept)), join(event)]);
    return join(textEvent(value.choice, beginning === "anew" ? words.trimStart() : words));
  };
}

/** What the first words that came say: whether they are those of a text that is known, `unclear` while more may come. */
function beginningOf(words: string, known: string, isEnd: boolean): "unclear" | "anew" | "differs" | "new" {
  const said = words.trimStart();
  const common = commonLength(known, said);
  if (common === known.length) return "anew";
  const isBlank = words.length - said.length > mostBlanks;
  if (!isEnd && !isBlank && common === said.length) return "unclear";
  return isTelling(said.slice(0, common)) ? "differs" : "new";
}

/** White space that is waited through to see what comes behind it. */
const mostBlanks = 100;

function inOrder(joined: readonly (ChatEvent | "nothing" | "differs")[]): ChatEvent[] | "differs" {
  if (joined.includes("differs")) return "differs";
  return joined.filter((each) => typeof each !== "string");
}

/** Whether a text is too long to come twice by chance; scripts without spaces have no words to count. */
function isTelling(words: string): boolean {
  return words.length >= 40 || words.trim().split(/\s+/u).length >= 5;
}

/** How long the longest end of one text is that the other begins with. */
function overlap(one: string, other: string): number {
  let length = Math.min(one.length, other.length);
  while (!other.startsWith(one.slice(one.length - length))) length--;
  return length;
}

/** Joins an answer that goes on from before the last word: that must come once more, as it was told. */
export function repeatedJoin(trimmed: string, again: string): PlainJoin {
  const [behindSpace, behindWord] = [continuedJoin(trimmed), restartedJoin(again)];
  return (event) => {
    const behind = behindSpace(event);
    return typeof behind === "string" ? behind : behindWord(behind);
  };
}

/** Joins an answer that was begun anew: what was told of its text is left out as long as it is the same to the character. What was thought is over, and not told again. */
export function restartedJoin(told: string): PlainJoin {
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
export function rethoughtJoin(told: string): PlainJoin {
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
  if (name === "text") return withText(event, words);
  return words === "" && value.signature === "" ? "nothing" : chatEvent({ case: "reasoning", value: { ...value, text: words } });
}

function withText(event: ChatEvent, words: string): ChatEvent | "nothing" {
  const { case: name, value } = event.event;
  return words === "" || name !== "text" ? "nothing" : chatEvent({ case: "text", value: { ...value, text: words } });
}

function commonLength(one: string, other: string): number {
  let length = 0;
  while (length < one.length && one.charCodeAt(length) === other.charCodeAt(length)) length++;
  return length;
}
