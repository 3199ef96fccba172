import type { ChatEvent, TokenLogprob } from "../../../../gen/parley/v1/chat_pb.ts";
import { chatEvent, reasoning, text } from "../../../core/events.ts";
import { isJsonObject, type JsonObject } from "../../../core/json.ts";
import type { AskedUpstream } from "../../upstream-dialect.ts";
import { contentPieces } from "./content-pieces.ts";
import { finishEvent } from "./finish.ts";
import { tokenLogprobs } from "./logprobs.ts";
import { detailEvents } from "./reasoning-details.ts";
import { malformed } from "../../upstream-fault.ts";
import { ToolCalls } from "./tool-calls.ts";

/** Where a choice's events go. */
interface Answer {
  readonly hasStarted: boolean;
  say(event: ChatEvent): void;
  count(characters: number): void;
}

interface ChoiceOptions {
  readonly index: number;
  /** Alternatives a token that were asked for; undefined: logprobs were not. */
  readonly mostLogprobs: number | undefined;
  readonly asked: AskedUpstream;
  readonly answer: Answer;
}

const noLogprobs: TokenLogprob[] = [];

/** Reads what one choice says, delta by delta. */
export class ChoiceReader {
  readonly #index: number;
  readonly #options: ChoiceOptions;
  readonly #answer: Answer;
  #calls: ToolCalls | undefined;
  /** Of tokens that made no character before the answer has started. */
  #held: TokenLogprob[] = noLogprobs;
  /** Half of a character that was cut in two between chunks. */
  #half = "";
  #isFinished = false;

  constructor(options: ChoiceOptions) {
    this.#index = options.index;
    this.#options = options;
    this.#answer = options.answer;
  }

  get isFinished(): boolean {
    return this.#isFinished;
  }

  /** Reads a choice of a chunk, or one that came whole. */
  read(choice: JsonObject): void {
    const { logprobs, finish_reason: reason } = choice;
    const delta = choice["delta"] ?? choice["message"];
    if (isJsonObject(delta)) this.#delta(delta, logprobs);
    else if (typeof choice["text"] === "string") this.#words(choice["text"], logprobs);
    if (typeof reason === "string" && reason !== "" && !this.#isFinished) this.#finish(reason, choice);
  }

  #delta(delta: JsonObject, logprobs: unknown): void {
    const { content } = delta;
    this.#think(delta);
    if (typeof content === "string") this.#words(content, logprobs);
    else if (content !== undefined && content !== null) this.#pieces(content, logprobs);
    this.#refuse(delta["refusal"]);
    this.#call(delta);
    // Nobody asks for these, but some models answer with them: an answer without them would pass for whole.
    if (isSaid(delta["images"]) || isSaid(delta["audio"])) throw this.#malformed("pictures or sound, for which answers have no place");
  }

  #words(told: string, toldLogprobs: unknown): void {
    const words = this.#half === "" && told.isWellFormed() ? told : this.#wellFormed(told);
    const isTold = this.#options.mostLogprobs !== undefined && toldLogprobs !== undefined && toldLogprobs !== null;
    const logprobs = isTold || this.#held !== noLogprobs ? this.#logprobs(toldLogprobs) : noLogprobs;
    if (words === "") this.#hold(logprobs);
    else {
      this.#answer.count(words.length);
      this.#say(text(this.#index, words, logprobs));
    }
  }

  /** Whole characters: a server may cut between the halves of one, and its JSON says them as two escapes. */
  #wellFormed(told: string): string {
    const words = this.#half + told;
    const last = words.charCodeAt(words.length - 1);
    const isCut = last >= 0xd800 && last <= 0xdbff;
    this.#half = isCut ? words.slice(-1) : "";
    return (isCut ? words.slice(0, -1) : words).toWellFormed();
  }

  /** Tokens of these words, behind those held back. */
  #logprobs(told: unknown): TokenLogprob[] {
    const tokens = tokenLogprobs(told, this.#options.mostLogprobs ?? 0, this.#options.asked);
    if (this.#held === noLogprobs) return tokens;
    const held = this.#held;
    this.#held = noLogprobs;
    for (const token of tokens) held.push(token);
    return held;
  }

  /** A token may make half a character, or none. Before the first content it does not start the answer. */
  #hold(logprobs: TokenLogprob[]): void {
    if (logprobs.length === 0) return;
    if (this.#answer.hasStarted) this.#say(text(this.#index, "", logprobs));
    else this.#held = logprobs;
  }

  #pieces(content: unknown, logprobs: unknown): void {
    const pieces = Array.isArray(content) ? contentPieces(content) : undefined;
    if (pieces === undefined) throw this.#malformed("content that is no text");
    if (pieces.thinking !== "") this.#thought(pieces.thinking);
    this.#words(pieces.text, logprobs);
  }

  /** Under one of three names; where it is told in details and as text, both say the same. */
  #think({ reasoning_content: content, reasoning: plain, reasoning_details: details }: JsonObject): void {
    if (Array.isArray(details) && details.length > 0) {
      const events = detailEvents(this.#index, details);
      for (const event of events) this.#say(event);
      if (events.length > 0) return;
    }
    const thought = typeof content === "string" && content !== "" ? content : plain;
    if (typeof thought === "string" && thought !== "") this.#thought(thought);
  }

  #thought(words: string): void {
    this.#answer.count(words.length);
    this.#say(reasoning(this.#index, words.toWellFormed()));
  }

  #refuse(words: unknown): void {
    if (typeof words !== "string" || words === "") return;
    this.#answer.count(words.length);
    this.#say(
      chatEvent({ case: "refusal", value: { $typeName: "parley.v1.RefusalDelta", choice: this.#index, text: words.toWellFormed() } }),
    );
  }

  /** Calls by either of the names that they have had; the older is of a single one. */
  #call({ tool_calls: pieces, function_call: older }: JsonObject): void {
    if (Array.isArray(pieces)) for (const piece of pieces as readonly unknown[]) this.#piece(piece);
    else if (isJsonObject(older)) this.#piece({ index: 0, function: older });
  }

  #piece(piece: unknown): void {
    this.#calls ??= new ToolCalls(this.#index);
    const event = this.#calls.read(piece);
    if (event === "malformed") throw this.#malformed("a piece of a tool call that cannot be read");
    if (event === undefined) return;
    if (event.event.case === "toolCall") this.#answer.count(event.event.value.name.length + event.event.value.arguments.length);
    this.#say(event);
  }

  #say(event: ChatEvent): void {
    if (this.#isFinished) throw this.#malformed("more of an answer that had ended");
    this.#answer.say(event);
  }

  #finish(reason: string, choice: JsonObject): void {
    if (this.#calls?.isOpen === true) throw this.#malformed("a tool call without a name");
    const event = finishEvent(this.#index, reason, { choice, hasCalls: this.#calls !== undefined, asked: this.#options.asked });
    const rest = this.#half.toWellFormed();
    if (rest !== "" || this.#held.length > 0) this.#say(text(this.#index, rest, this.#held));
    this.#say(event);
    this.#isFinished = true;
  }

  #malformed(what: string): Error {
    return malformed(this.#options.asked, what);
  }
}

function isSaid(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : isJsonObject(value);
}
