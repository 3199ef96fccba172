import type { ChatEvent } from "../../../gen/parley/v1/chat_pb.ts";
import { dataFrame, oneLine } from "../openai/chunks.ts";
import { finishReasonToOpenAI } from "../openai/response.ts";
import { servedComment } from "../openai/served.ts";
import type { PrismChunk } from "./wire/prism.ts";

/** Writes the events of one answer as the stream of `POST /v1/chat`: texts, then one event with the reason for the end. */
export class PrismWriter {
  #id = "";
  #head = "";
  #isDone = false;

  /** Whether the end mark was written. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** Frames for the next event; empty when clients see nothing of it. */
  write({ event }: ChatEvent): string {
    switch (event.case) {
      case "accepted":
        this.#id = event.value.id;
        this.#name(event.value.model);
        return "";
      case "started":
        // Another model than the one that was asked for may serve.
        if (event.value.answerModel !== "") this.#name(event.value.answerModel);
        return "";
      case "text":
      case "refusal":
        return event.value.text === "" ? "" : this.#chunk(event.value.text, null);
      case "finished":
        return this.#chunk("", finishReasonToOpenAI(event.value.reason, false));
      case "completed":
        this.#isDone = true;
        return `${servedComment(event.value.servedBy)}data: [DONE]\n\n`;
      default:
        return "";
    }
  }

  #chunk(delta: PrismChunk["delta"], reason: PrismChunk["finish_reason"]): string {
    return `${this.#head}${oneLine(delta)},"finish_reason":${oneLine(reason)}}\n\n`;
  }

  /** What all chunks share is written once. */
  #name(model: string): void {
    this.#head = `${dataFrame({ id: this.#id, model }).slice(0, -"}\n\n".length)},"delta":`;
  }
}
