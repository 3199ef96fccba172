import type { ChatEvent, ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import type { CallContext } from "../core/context.ts";
import { chatEvent } from "../core/events.ts";
import { Stage } from "../core/stages.ts";
import type { Generate } from "../core/work.ts";

/** Numbers the events 0, 1, 2, ... The only place that does: fallback, hedging and replay inside it cannot make a hole. Passes copies, since events may be shared. */
export function sequence(next: Generate): Generate {
  return function numbered(request, context) {
    return new Numbered(next, request, context);
  };
}

class Numbered extends Stage<ChatEvent> {
  readonly #next: Generate;
  readonly #request: ChatRequest;
  readonly #context: CallContext;
  #count = 0;

  constructor(next: Generate, request: ChatRequest, context: CallContext) {
    super();
    this.#next = next;
    this.#request = request;
    this.#context = context;
  }

  override open(): AsyncIterable<ChatEvent> {
    return this.#next(this.#request, this.#context);
  }

  override pass({ event }: ChatEvent): ChatEvent {
    return chatEvent(event, this.#count++);
  }
}
