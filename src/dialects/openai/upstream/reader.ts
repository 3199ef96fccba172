import type { ChatEvent, ChatRequest } from "../../../../gen/parley/v1/chat_pb.ts";
import { completed, started } from "../../../core/events.ts";
import { isJsonObject, type JsonObject } from "../../../core/json.ts";
import type { ConnectError } from "@connectrpc/connect";
import type { AnswerReader, AskedUpstream, UpstreamFrame } from "../../upstream-dialect.ts";
import { ChoiceReader } from "./choice-reader.ts";
import { ChunkParser } from "./chunk-parser.ts";
import { malformed, truncated } from "../../upstream-fault.ts";
import { faultOfEvent, faultWithin } from "./errors.ts";
import { timingsOf, usageOf } from "./usage.ts";

const none: readonly ChatEvent[] = [];
const brace = "{".charCodeAt(0);

/** Reads an answer in OpenAI's format: the chunks of a stream, or one that came whole, whose messages are read as one delta each. */
export class ChatReader implements AnswerReader {
  readonly #request: ChatRequest;
  readonly #asked: AskedUpstream;
  readonly #parser = new ChunkParser();
  readonly #choices: (ChoiceReader | undefined)[] = [];
  #events: ChatEvent[] = [];
  #hasStarted = false;
  #hasEnded = false;
  #finished = 0;
  #characters = 0;
  #usage: JsonObject | undefined;
  #timings: JsonObject | undefined;

  constructor(request: ChatRequest, asked: AskedUpstream) {
    this.#request = request;
    this.#asked = asked;
  }

  get isWhole(): boolean {
    return this.#finished === this.#expected;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  read({ event, data }: UpstreamFrame): readonly ChatEvent[] {
    if (this.#hasEnded) return none;
    if (data.charCodeAt(0) !== brace && this.#isMark(data)) return none;
    const chunk = this.#parser.parse(data);
    // What goes wrong behind the end breaks nothing.
    if (this.isWhole && (event === "error" || !isJsonObject(chunk))) return none;
    if (event === "error") throw faultOfEvent(chunk, this.#asked);
    if (!isJsonObject(chunk)) throw malformed(this.#asked, "a frame that is no JSON object");
    return this.take(chunk);
  }

  /** The events of a chunk, or of an answer that came whole. */
  take(chunk: JsonObject): readonly ChatEvent[] {
    const error = faultWithin(chunk, this.#asked);
    if (error !== undefined && !this.isWhole) throw error;
    const { choices, usage, timings } = chunk;
    if (isJsonObject(usage)) this.#usage = usage;
    if (isJsonObject(timings)) this.#timings = timings;
    if (choices === undefined || choices === null) return none;
    if (!Array.isArray(choices)) throw malformed(this.#asked, "choices that are no list");
    if (choices.length === 0) return none;
    this.#events = [];
    for (const choice of choices as readonly unknown[]) this.#choice(choice);
    return this.#events;
  }

  end(): readonly ChatEvent[] {
    if (!this.isWhole) throw this.#cut();
    const usage = usageOf(this.#usage, this.#timings, { request: this.#request, characters: this.#characters });
    const timings = timingsOf(this.#timings);
    return [completed({ usage, ...(timings !== undefined && { timings }) })];
  }

  /** Hands an event on, behind `started` where it is the first content. */
  say(event: ChatEvent): void {
    if (!this.#hasStarted) {
      this.#hasStarted = true;
      this.#events.push(started(this.#asked.provider, this.#asked.model));
    }
    this.#events.push(event);
  }

  /** Counts what was said, for upstreams that tell no usage. */
  count(characters: number): void {
    this.#characters += characters;
  }

  get hasStarted(): boolean {
    return this.#hasStarted;
  }

  get #expected(): number {
    return this.#request.choices ?? 1;
  }

  /** Whether a frame that is no object is the end mark, or white space that keeps a connection open. */
  #isMark(data: string): boolean {
    const word = data.trim();
    if (word === "[DONE]") this.#hasEnded = true;
    return this.#hasEnded || word === "";
  }

  #choice(choice: unknown): void {
    if (!isJsonObject(choice)) throw malformed(this.#asked, "a choice that is no object");
    const error = faultWithin(choice, this.#asked);
    if (error !== undefined) throw error;
    const reader = this.#readerOf(choice["index"] ?? 0);
    const wasFinished = reader.isFinished;
    reader.read(choice);
    if (reader.isFinished && !wasFinished) this.#finished++;
  }

  #readerOf(index: unknown): ChoiceReader {
    const isOurs = typeof index === "number" && Number.isInteger(index) && index >= 0 && index < this.#expected;
    if (!isOurs) throw malformed(this.#asked, "a choice that was not asked for");
    return (this.#choices[index] ??= new ChoiceReader({
      index,
      mostLogprobs: this.#request.topLogprobs,
      asked: this.#asked,
      answer: this,
    }));
  }

  #cut(): ConnectError {
    if (!this.#hasEnded) return truncated(this.#asked);
    return malformed(this.#asked, `an end mark, but why the answer ended for ${this.#finished} of ${this.#expected} choices only`);
  }
}
