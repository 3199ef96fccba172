import type { TokenLogprob, ToolCallDelta } from "../../../../gen/parley/v1/chat_pb.ts";
import { oneLine } from "../chunks.ts";
import type { EventFrames } from "./frames.ts";
import { callItem, messageItem, outputLogprobs, outputText, thoughtItem, type ThoughtOptions } from "./items.ts";
import type { Thought } from "./sealed.ts";
import type { ItemStatus, OutputContent, OutputItem, OutputLogprob } from "./wire/items.ts";

/** Where an item stands, and what writes its events. */
export interface ItemPlace {
  readonly id: string;
  readonly index: number;
  readonly frames: EventFrames;
}

/** An item that is being streamed. */
export interface OpenItem {
  /** The item as far as it has come. */
  item(status: ItemStatus): OutputItem;
  /** Frames that end what is open inside of it. */
  finish(): string;
}

/** A message that is being streamed: parts of text and of refusal, one after the other. */
export class OpenMessage implements OpenItem {
  readonly #place: ItemPlace;
  readonly #content: OutputContent[] = [];
  #type: OutputContent["type"] | undefined;
  #words = "";
  #logprobs: OutputLogprob[] = [];
  #head = "";

  constructor(place: ItemPlace) {
    this.#place = place;
  }

  /** Frames for more words. */
  add(type: OutputContent["type"], words: string, tokens: readonly TokenLogprob[] = []): string {
    const begun = this.#type === type ? "" : this.finish() + this.#begin(type);
    this.#words += words;
    const { frames } = this.#place;
    if (type === "refusal") return begun + frames.delta(this.#head, words);
    if (tokens.length === 0) return begun + frames.delta(this.#head, words, noLogprobs);
    const logprobs = outputLogprobs(tokens);
    this.#logprobs.push(...logprobs);
    return begun + frames.delta(this.#head, words, `,"logprobs":${oneLine(logprobs)}`);
  }

  #begin(type: OutputContent["type"]): string {
    this.#type = type;
    this.#words = "";
    this.#logprobs = [];
    const { frames } = this.#place;
    const at = this.#at();
    this.#head = frames.head({ type: type === "refusal" ? "response.refusal.delta" : "response.output_text.delta", ...at } as never);
    return frames.frame({ type: "response.content_part.added", ...at, part: this.#part() });
  }

  #at() {
    return { item_id: this.#place.id, output_index: this.#place.index, content_index: this.#content.length };
  }

  #part(): OutputContent {
    return this.#type === "refusal" ? { type: "refusal", refusal: this.#words } : outputText(this.#words, this.#logprobs);
  }

  item(status: ItemStatus): OutputItem {
    return messageItem(this.#place.id, status, this.#type === undefined ? this.#content : [...this.#content, this.#part()]);
  }

  finish(): string {
    if (this.#type === undefined) return "";
    const { frames } = this.#place;
    const at = this.#at();
    const part = this.#part();
    const said =
      part.type === "refusal"
        ? frames.frame({ type: "response.refusal.done", ...at, refusal: part.refusal })
        : frames.frame({ type: "response.output_text.done", ...at, text: part.text, logprobs: part.logprobs });
    const ended = said + frames.frame({ type: "response.content_part.done", ...at, part });
    this.#content.push(part);
    this.#type = undefined;
    return ended;
  }
}

const noLogprobs = ',"logprobs":[]';
const nothingHidden = new Uint8Array();

/** Thinking that is being streamed, as itself or as its summary. */
export class OpenThought implements OpenItem {
  readonly #place: ItemPlace;
  readonly #options: ThoughtOptions;
  #thought: Thought = { text: "", signature: "", redactedData: nothingHidden };
  #head = "";

  constructor(place: ItemPlace, options: ThoughtOptions) {
    this.#place = place;
    this.#options = options;
  }

  /** Frames for more of it. */
  add({ text, signature, redactedData }: Thought): string {
    this.#thought = { text: this.#thought.text + text, signature, redactedData };
    if (text === "") return "";
    const begun = this.#head === "" ? this.#begin() : "";
    return begun + this.#place.frames.delta(this.#head, text);
  }

  #begin(): string {
    const { frames } = this.#place;
    if (this.#options.isSummaryWanted) {
      this.#head = frames.head({ type: "response.reasoning_summary_text.delta", ...this.#summary() });
      return frames.frame({ type: "response.reasoning_summary_part.added", ...this.#summary(), part: { type: "summary_text", text: "" } });
    }
    this.#head = frames.head({ type: "response.reasoning_text.delta", ...this.#content() });
    return frames.frame({ type: "response.content_part.added", ...this.#content(), part: { type: "reasoning_text", text: "" } });
  }

  #content() {
    return { item_id: this.#place.id, output_index: this.#place.index, content_index: 0 };
  }

  #summary() {
    return { item_id: this.#place.id, output_index: this.#place.index, summary_index: 0 };
  }

  item(status: ItemStatus): OutputItem {
    return thoughtItem({ id: this.#place.id, status }, this.#thought, this.#options);
  }

  finish(): string {
    if (this.#head === "") return "";
    const { frames } = this.#place;
    const { text } = this.#thought;
    if (this.#options.isSummaryWanted) {
      const said = frames.frame({ type: "response.reasoning_summary_text.done", ...this.#summary(), text });
      return (
        said +
        frames.frame({
          type: "response.reasoning_summary_part.done",
          ...this.#summary(),
          part: { type: "summary_text", text },
        })
      );
    }
    const said = frames.frame({ type: "response.reasoning_text.done", ...this.#content(), text });
    return said + frames.frame({ type: "response.content_part.done", ...this.#content(), part: { type: "reasoning_text", text } });
  }
}

/** A call that is being streamed. */
export class OpenCall implements OpenItem {
  readonly #place: ItemPlace;
  readonly #callId: string;
  readonly #name: string;
  readonly #head: string;
  #arguments = "";

  constructor(place: ItemPlace, { id, name }: Pick<ToolCallDelta, "id" | "name">) {
    this.#place = place;
    this.#callId = id;
    this.#name = name;
    this.#head = place.frames.head({ type: "response.function_call_arguments.delta", ...this.#at() });
  }

  /** Frames for more of its arguments. */
  add(words: string): string {
    if (words === "") return "";
    this.#arguments += words;
    return this.#place.frames.delta(this.#head, words);
  }

  #at() {
    return { item_id: this.#place.id, output_index: this.#place.index };
  }

  item(status: ItemStatus): OutputItem {
    return callItem(this.#place.id, status, { callId: this.#callId, name: this.#name, arguments: this.#arguments });
  }

  finish(): string {
    const said = { ...this.#at(), name: this.#name, arguments: this.#arguments };
    return this.#place.frames.frame({ type: "response.function_call_arguments.done", ...said });
  }
}
