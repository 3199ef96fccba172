import { oneLine } from "../chunks.ts";
import { padded } from "../padding.ts";
import type { ResponseEvent } from "./wire/events.ts";

type Without<Event, Names extends PropertyKey> = Event extends unknown ? Omit<Event, Names> : never;

/** An event before it is numbered. */
export type BareEvent = Without<ResponseEvent, "sequence_number">;

/** All of a delta but what it adds. */
export type BareDelta = Without<Extract<ResponseEvent, { readonly delta: string }>, "sequence_number" | "delta">;

/** Numbers the events of one response, and frames them: the event's name in a line of its own, on which strict clients insist, and as `type` inside the data. */
export class EventFrames {
  readonly #isPadded: boolean;
  #next = 0;

  constructor(isPadded: boolean) {
    this.#isPadded = isPadded;
  }

  /** The frame of an event. */
  frame(event: BareEvent): string {
    return `event: ${event.type}\ndata: ${oneLine(event).slice(0, -1)},"sequence_number":${this.#next++}}\n\n`;
  }

  /** What the deltas of one part have in common, written once: streams are made of them. */
  head(event: BareDelta): string {
    return `event: ${event.type}\ndata: ${oneLine(event).slice(0, -1)},"delta":`;
  }

  /** The frame of a delta; `more` is JSON of further fields, each behind a comma. */
  delta(head: string, words: string, more = ""): string {
    const frame = `${head}${oneLine(words)}${more},"sequence_number":${this.#next++}}\n\n`;
    return this.#isPadded ? padded(frame) : frame;
  }
}
