import type { ChatEvent, ChatRequest } from "../../../gen/parley/v1/chat_pb.ts";
import { estimatedTokens } from "../../core/estimate.ts";
import { text as textEvent } from "../../core/events.ts";
import { holdback } from "./holdback.ts";

/** What the client has been told of an answer, for going on with it when it breaks off. */
export interface Told {
  /** Notes an event and gives what the client gets of it now: the event itself, the part of it that is not kept back, or nothing yet. What comes behind it lies in `ready`. */
  take(event: ChatEvent): ChatEvent | undefined;
  /** Events to give before the next is asked for. */
  readonly ready: ChatEvent[];
  /** Lets go of what is kept back: the next attempt writes it anew. */
  forget(): void;
  /** Whether another than the route's first target began it. */
  isFallback(): boolean;
  /** Whether its end has been told. */
  hasEnded(): boolean;
  /** Why the answer cannot be gone on with, by what it holds; undefined: it can. */
  obstacle(): string | undefined;
  /** UTF-16 code units of text. */
  length(): number;
  text(): string;
  thoughts(): string;
  /** About how many tokens the text is: pieces as short as tokens are counted, longer ones estimated by their characters. */
  textTokens(): number;
  /** The same for what was thought. */
  thoughtTokens(): number;
}

/** What is no text cannot be compared or gone on from. */
const obstacles: Readonly<Record<string, string>> = { toolCall: "a tool call is under way", refusal: "the model refuses" };

/** Begins to note an answer. Pieces are joined only when it breaks off. */
export function told(request: ChatRequest): Told {
  const [words, thoughts] = [pieces(), pieces()];
  const held = holdback(request.stop);
  const ready: ChatEvent[] = [];
  const never = whyNever(request);
  let obstacle = never;
  let hidesThoughts = false;
  let hasEnded = false;
  let isFallback = false;

  function takeText(event: ChatEvent, given: string): ChatEvent | undefined {
    const now = held.take(given);
    words.add(now);
    if (now.length === given.length && now === given) return event;
    return now === "" ? undefined : textEvent(0, now);
  }
  /** What is kept back belongs before whatever is no text. */
  function takeOther(event: ChatEvent): ChatEvent {
    const { event: what } = event;
    if (what.case === "reasoning") {
      thoughts.add(what.value.text);
      hidesThoughts ||= what.value.redactedData.length > 0;
    }
    if (what.case === "started") ({ isFallback } = what.value);
    if (what.case === "finished" || what.case === "completed") hasEnded = true;
    obstacle ??= obstacles[what.case ?? ""];
    const rest = held.rest();
    if (rest === "") return event;
    words.add(rest);
    ready.push(event);
    return textEvent(0, rest);
  }
  return {
    ready,
    take: (event) => (event.event.case === "text" && never === undefined ? takeText(event, event.event.value.text) : takeOther(event)),
    forget: () => void held.rest(),
    isFallback: () => isFallback,
    hasEnded: () => hasEnded,
    obstacle: () => obstacle ?? (hidesThoughts && words.length() === 0 ? "the model hides what it thinks" : undefined),
    length: words.length,
    text: words.joined,
    thoughts: thoughts.joined,
    textTokens: words.tokens,
    thoughtTokens: thoughts.tokens,
  };
}

/** Answers that are no plain text: what was told of them cannot be compared or gone on from. */
function whyNever({ responseFormat, choices = 1, topLogprobs }: ChatRequest): string | undefined {
  const form = responseFormat?.format.case;
  if (form !== undefined && form !== "text") return "it has a form to keep to";
  if (choices > 1) return "several choices were asked for";
  return topLogprobs === undefined ? undefined : "logprobs were asked for";
}

/** Characters of a piece, on average, up to which pieces are taken for tokens: those of English are 4 to 5 long. */
const mostPerToken = 6;
/** Fewer a piece, on average, are less than tokens have. */
const leastPerToken = 2;
/** Characters a token where pieces are none: more than most models write, so that too few tokens are counted rather than too many, and no rest of an answer is lost. */
const perToken = 5;
/** A character beyond ASCII is most of a token. */
const weightBeyondAscii = 4;
/** Pieces that are all of one length are cut by length; so many are no coincidence. */
const fewestAlike = 8;

function pieces() {
  const all: string[] = [];
  let length = 0;
  function tokens(): number {
    if (length > all.length * mostPerToken) return estimatedTokens(length);
    const weight = length + (weightBeyondAscii - 1) * all.join("").replaceAll(/[\0-\x7f]/gu, "").length;
    const areCut = weight < all.length * leastPerToken || areAlike(all);
    return areCut ? Math.min(all.length, Math.floor(weight / perToken)) : all.length;
  }
  return {
    add(piece: string) {
      if (piece === "") return;
      all.push(piece);
      length += piece.length;
    },
    length: () => length,
    joined: () => all.join(""),
    tokens,
  };
}

function areAlike(all: readonly string[]): boolean {
  const [first] = all;
  return all.length >= fewestAlike && all.slice(0, -1).every(({ length }) => length === first?.length);
}
