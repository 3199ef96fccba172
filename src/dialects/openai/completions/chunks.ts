import type { Accepted, ChatEvent, ChoiceFinished, Completed, Started, TokenLogprob } from "../../../../gen/parley/v1/chat_pb.ts";
import { doneFrame, oneLine } from "../chunks.ts";
import { fingerprinted, usageToOpenAI } from "../response.ts";
import { servedComment } from "../served.ts";
import type { CompletionChunk } from "../wire/completions.ts";
import { completionFinish, completionId } from "./answer.ts";
import { completionLogprobs, lengthOf } from "./logprobs.ts";

/** How chunks are written. */
export interface CompletionWriting {
  /** Whether a chunk with the usage comes before the end. */
  readonly includeUsage: boolean;
  /** Whether probabilities were asked for. */
  readonly tellsLogprobs: boolean;
}

/** Writes the events of one answer as chunks of `text_completion`, framed: all that the model wrote is text, one chunk a choice says why it ended, and usage comes when it was asked for. */
export class CompletionWriter {
  readonly #includeUsage: boolean;
  readonly #tellsLogprobs: boolean;
  /** Characters told so far, by choice; counted where probabilities are told. */
  readonly #told = new Map<number, number>();
  #isDone = false;
  #accepted: Accepted | undefined;
  #started: Started | undefined;
  #prefix = "";
  #suffix = "";

  constructor({ includeUsage, tellsLogprobs }: CompletionWriting) {
    this.#includeUsage = includeUsage;
    this.#tellsLogprobs = tellsLogprobs;
  }

  /** Whether the end mark was written. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** Frames for the next event; empty when clients see nothing of it. */
  write({ event }: ChatEvent): string {
    switch (event.case) {
      case "accepted":
        this.#accepted = event.value;
        this.#begin();
        return "";
      case "started":
        this.#started = event.value;
        this.#begin();
        return "";
      case "text":
        return this.#text(event.value.choice, event.value.text, event.value.logprobs);
      case "reasoning":
      case "refusal":
        return this.#text(event.value.choice, event.value.text, []);
      case "finished":
        return this.#finish(event.value);
      case "completed":
        this.#isDone = true;
        return this.#usage(event.value) + servedComment(event.value.servedBy) + doneFrame;
      default:
        return "";
    }
  }

  #text(choice: number, text: string, tokens: readonly TokenLogprob[]): string {
    return this.#chunk(choice, text, "null", this.#tellsLogprobs ? this.#logprobs(choice, text, tokens) : "null");
  }

  #logprobs(choice: number, text: string, tokens: readonly TokenLogprob[]): string {
    const before = this.#told.get(choice) ?? 0;
    this.#told.set(choice, before + lengthOf(text));
    return oneLine(completionLogprobs(tokens, before));
  }

  #finish({ choice, reason }: ChoiceFinished): string {
    return this.#chunk(choice, "", oneLine(completionFinish(reason)));
  }

  /** What all chunks share is written once: streams are made of small chunks. The first of them comes behind `started`, whose model may be another than was asked for. */
  #begin(): void {
    if (this.#accepted === undefined) return;
    const { id, model, created } = this.#accepted;
    const head: Omit<CompletionChunk, "choices"> = {
      id: completionId(id),
      object: "text_completion",
      created: Number(created?.seconds ?? 0n),
      model: this.#started?.answerModel || model,
      ...fingerprinted(this.#started),
    };
    this.#prefix = `data: ${oneLine(head).slice(0, -1)},"choices":[`;
    this.#suffix = this.#includeUsage ? `],"usage":null}\n\n` : "]}\n\n";
  }

  // oxlint-disable-next-line max-params -- the four places of one literal
  #chunk(choice: number, text: string, finish: string, logprobs = "null"): string {
    return `${this.#prefix}{"text":${oneLine(text)},"index":${choice},"logprobs":${logprobs},"finish_reason":${finish}}${this.#suffix}`;
  }

  #usage({ usage }: Completed): string {
    if (!this.#includeUsage) return "";
    return `${this.#prefix}],"usage":${usage === undefined ? "null" : JSON.stringify(usageToOpenAI(usage))}}\n\n`;
  }
}
