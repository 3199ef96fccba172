import type { ConnectError } from "@connectrpc/connect";
import {
  FinishReason,
  type Accepted,
  type ChatEvent,
  type Completed,
  type ReasoningDelta,
  type TextDelta,
  type TokenLogprob,
  type ToolCallDelta,
} from "../../../../gen/parley/v1/chat_pb.ts";
import { errorToOpenAI, type ParamOf } from "../errors.ts";
import { servedComment } from "../served.ts";
import { EventFrames } from "./frames.ts";
import { itemId } from "./items.ts";
import { OpenCall, OpenMessage, OpenThought, type ItemPlace, type OpenItem } from "./open-items.ts";
import type { ResponseOptions } from "./request.ts";
import { begun, brokenOff, ended, headOf, statusOf, type ResponseHead } from "./response.ts";
import type { ItemStatus, OutputContent, OutputItem } from "./wire/items.ts";

/** An item of the output, and whether its end was told. */
interface Slot {
  readonly open: OpenItem;
  readonly type: OutputItem["type"];
  done: OutputItem | undefined;
}

/**
 * Writes the events of one answer as those of `/v1/responses`, framed: created and in_progress with the first content, an item and its parts around their deltas,
 * and the whole response at the end. Words and thinking end where something else begins; calls end with the answer, since pieces of several may come in turns.
 */
export class ResponseWriter {
  readonly #options: ResponseOptions;
  readonly #frames: EventFrames;
  readonly #slots: Slot[] = [];
  readonly #calls = new Map<number, OpenCall>();
  #accepted: Accepted | undefined;
  #head: ResponseHead | undefined;
  #reason: FinishReason = FinishReason.UNSPECIFIED;
  #isDone = false;

  constructor(options: ResponseOptions) {
    this.#options = options;
    this.#frames = new EventFrames(options.isPadded);
  }

  /** Whether the last event was written. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** Frames for the next event; empty when clients see nothing of it. */
  write({ event }: ChatEvent): string {
    switch (event.case) {
      case "accepted":
        this.#accepted = event.value;
        return "";
      case "started":
        return this.#begin(event.value.answerModel);
      case "text":
        return this.#begin() + this.#text(event.value);
      case "refusal":
        return this.#begin() + this.#say("refusal", event.value.text);
      case "reasoning":
        return this.#begin() + this.#think(event.value);
      case "toolCall":
        return this.#begin() + this.#call(event.value);
      case "finished":
        return this.#begin() + this.#finish(event.value.reason);
      case "completed":
        return this.#complete(event.value);
      default:
        return "";
    }
  }

  /**
   * The last words of a response that failed. Some clients know the response that has failed and no error, others the error alone, and one of them only where
   * it also stands in an object of its own.
   */
  failed(fault: ConnectError, param: ParamOf): string {
    const { error } = errorToOpenAI(fault, param);
    const { message, code, param: at } = error;
    const failed = this.#failedResponse(fault, message);
    return failed + this.#frames.frame({ type: "error", code, message, param: at, error });
  }

  #failedResponse(fault: ConnectError, message: string): string {
    if (this.#head === undefined) return "";
    const output = this.#slots.map(({ open, done }) => done ?? open.item("incomplete"));
    return this.#frames.frame({ type: "response.failed", response: brokenOff(this.#head, { fault, message, output }) });
  }

  /** Says that the response has begun, once; another model than the one that was asked for may serve. */
  #begin(answerModel = ""): string {
    if (this.#head !== undefined || this.#accepted === undefined) return "";
    const model = answerModel === "" ? this.#accepted.model : answerModel;
    this.#head = headOf(
      { id: this.#accepted.id, model, ...(this.#accepted.created && { created: this.#accepted.created }) },
      this.#options.told,
    );
    const response = begun(this.#head);
    return this.#frames.frame({ type: "response.created", response }) + this.#frames.frame({ type: "response.in_progress", response });
  }

  #text({ text, logprobs }: TextDelta): string {
    return text === "" && logprobs.length === 0 ? "" : this.#say("output_text", text, logprobs);
  }

  #say(type: OutputContent["type"], words: string, tokens: readonly TokenLogprob[] = []): string {
    const last = this.#slots.at(-1);
    if (last?.open instanceof OpenMessage && last.done === undefined) return last.open.add(type, words, tokens);
    const before = this.#endWords();
    const [item, added] = this.#add("message", (place) => new OpenMessage(place));
    return before + added + item.add(type, words, tokens);
  }

  /** A signature ends a piece of thinking, and one that is hidden comes whole. */
  #think({ text, signature, redactedData }: ReasoningDelta): string {
    const last = this.#slots.at(-1);
    const isHidden = redactedData.length > 0;
    let frames = "";
    let thought = last?.open instanceof OpenThought && last.done === undefined && !isHidden ? last.open : undefined;
    if (thought === undefined) {
      const before = this.#endWords();
      const [item, added] = this.#add("reasoning", (place) => new OpenThought(place, this.#options));
      thought = item;
      frames = before + added;
    }
    frames += thought.add({ text, signature, redactedData });
    return signature !== "" || isHidden ? frames + this.#endWords() : frames;
  }

  #call(delta: ToolCallDelta): string {
    const known = this.#calls.get(delta.index);
    if (known !== undefined) return known.add(delta.arguments);
    const before = this.#endWords();
    const [item, added] = this.#add("function_call", (place) => new OpenCall(place, delta));
    this.#calls.set(delta.index, item);
    return before + added + item.add(delta.arguments);
  }

  #add<Item extends OpenItem>(type: OutputItem["type"], make: (place: ItemPlace) => Item): [Item, string] {
    const index = this.#slots.length;
    const open = make({ id: itemId(type, this.#head?.stem ?? "", index), index, frames: this.#frames });
    this.#slots.push({ open, type, done: undefined });
    return [open, this.#frames.frame({ type: "response.output_item.added", output_index: index, item: open.item("in_progress") })];
  }

  /** Ends the words or the thinking that are open: only the last item can be. */
  #endWords(): string {
    const last = this.#slots.at(-1);
    return last === undefined || last.type === "function_call" ? "" : this.#end(last, this.#slots.length - 1, "completed");
  }

  // oxlint-disable-next-line max-params -- an item, its place and how it ended
  #end(slot: Slot, index: number, status: ItemStatus): string {
    if (slot.done !== undefined) return "";
    const finished = slot.open.finish();
    slot.done = slot.open.item(status);
    return finished + this.#frames.frame({ type: "response.output_item.done", output_index: index, item: slot.done });
  }

  #finish(reason: FinishReason): string {
    this.#reason = reason;
    // Clients look for a message where nothing was said.
    const empty = this.#slots.length === 0 ? this.#say("output_text", "") : "";
    const last = this.#slots.length - 1;
    const ends = this.#slots.map((slot, index) => this.#end(slot, index, index === last ? statusOf(reason) : "completed"));
    return empty + ends.join("");
  }

  #complete({ usage, timings, servedBy }: Completed): string {
    if (this.#head === undefined) return "";
    this.#isDone = true;
    const output = this.#slots.map(({ open, done }) => done ?? open.item("completed"));
    const response = ended(this.#head, { reason: this.#reason, output, usage, timings });
    const type = response.status === "completed" ? "response.completed" : "response.incomplete";
    return servedComment(servedBy) + this.#frames.frame({ type, response });
  }
}
