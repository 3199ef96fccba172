import type { Accepted, ChatEvent, ChoiceFinished, Completed, Started, TokenLogprob } from "../../../../gen/parley/v1/chat_pb.ts";
import { dataFrame, doneFrame } from "../chunks.ts";
import { fingerprint, usageToOpenAI } from "../response.ts";
import { servedComment } from "../served.ts";
import type { CompletionChunk } from "../wire/completions.ts";
import { completionFinish, completionId } from "./answer.ts";
import { completionLogprobs, lengthOf } from "./logprobs.ts";

type Piece = CompletionChunk["choices"][number];

/** Writes the events of one answer as chunks of `text_completion`, framed: all that the model wrote is text, one chunk a choice says why it ended, and usage comes when it was asked for. */
export class CompletionWriter {
  readonly #includeUsage: boolean;
  /** Characters told so far, by choice; counted where probabilities are told. */
  readonly #told = new Map<number, number>();
  #isDone = false;
  #head: Omit<CompletionChunk, "choices" | "usage"> = {
    id: "",
    object: "text_completion",
    created: 0,
    model: "",
    system_fingerprint: null,
  };

  constructor({ includeUsage }: { readonly includeUsage: boolean }) {
    this.#includeUsage = includeUsage;
  }

  /** Whether the end mark was written. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** Frames for the next event; empty when clients see nothing of it. */
  write({ event }: ChatEvent): string {
    switch (event.case) {
      case "accepted":
        this.#accept(event.value);
        return "";
      case "started":
        this.#start(event.value);
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

  #text(index: number, text: string, tokens: readonly TokenLogprob[]): string {
    const before = this.#told.get(index) ?? 0;
    this.#told.set(index, before + lengthOf(text));
    return this.#chunk([{ text, index, logprobs: completionLogprobs(tokens, before), finish_reason: null }]);
  }

  #finish({ choice, reason }: ChoiceFinished): string {
    return this.#chunk([{ text: "", index: choice, logprobs: null, finish_reason: completionFinish(reason) }]);
  }

  #usage({ usage }: Completed): string {
    if (!this.#includeUsage) return "";
    return this.#chunk([], usage === undefined ? null : usageToOpenAI(usage));
  }

  #accept({ id, created, model }: Accepted): void {
    this.#head = { ...this.#head, id: completionId(id), created: Number(created?.seconds ?? 0n), model };
  }

  #start(started: Started): void {
    this.#head = { ...this.#head, model: started.answerModel || this.#head.model, system_fingerprint: fingerprint(started) };
  }

  #chunk(choices: Piece[], usage: CompletionChunk["usage"] = null): string {
    const chunk: CompletionChunk = { ...this.#head, choices, ...(this.#includeUsage && { usage }) };
    return dataFrame(chunk);
  }
}
