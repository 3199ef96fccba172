import type { ChatEvent, ChatRequest } from "../../../../gen/parley/v1/chat_pb.ts";
import { isJsonObject, parsedJson, type JsonObject } from "../../../core/json.ts";
import type { AnswerReader, AskedUpstream, UpstreamFrame } from "../../upstream-dialect.ts";
import { malformed } from "../../upstream-fault.ts";
import { Answer } from "./answer.ts";
import { faultOfFrame } from "./errors.ts";

const none: readonly ChatEvent[] = [];

/** Reads a stream of Anthropic's. What a frame is, its data say; the event's name stands in where they do not. */
export class MessageReader implements AnswerReader {
  readonly #answer: Answer;
  readonly #asked: AskedUpstream;

  constructor(request: ChatRequest, asked: AskedUpstream) {
    this.#answer = new Answer(request, asked);
    this.#asked = asked;
  }

  get isWhole(): boolean {
    return this.#answer.isWhole;
  }

  read({ event, data }: UpstreamFrame): readonly ChatEvent[] {
    const frame = parsedJson(data);
    if (!isJsonObject(frame)) return this.#unreadable(event);
    switch (frame["type"] ?? event) {
      case "content_block_delta":
        return this.isWhole ? none : this.#answer.add(frame["index"], frame["delta"]);
      case "content_block_start":
        return this.isWhole ? none : this.#answer.begin(frame["index"], frame["content_block"]);
      case "content_block_stop":
        return this.isWhole ? none : this.#answer.close(frame["index"]);
      case "message_start":
        this.#answer.usage.heed(isJsonObject(frame["message"]) ? frame["message"]["usage"] : undefined);
        return none;
      case "message_delta":
        return this.#ending(frame);
      case "message_stop":
        return this.isWhole ? none : this.#answer.finish({});
      case "error":
        return this.#failed(frame);
      default:
        // `ping`, and events that later versions add: the API's makers ask to pass over them.
        return event === "error" ? this.#failed(frame) : none;
    }
  }

  end(): readonly ChatEvent[] {
    return this.#answer.end();
  }

  #ending({ delta, usage }: JsonObject): readonly ChatEvent[] {
    this.#answer.usage.heed(usage);
    const hasReason = isJsonObject(delta) && typeof delta["stop_reason"] === "string";
    return hasReason && !this.isWhole ? this.#answer.finish(delta) : none;
  }

  /** What goes wrong after the end mends nothing and breaks nothing. */
  #failed(frame: JsonObject): readonly ChatEvent[] {
    if (this.isWhole) return none;
    throw faultOfFrame(frame, this.#asked);
  }

  /** A ping may come bare. */
  #unreadable(event: string): readonly ChatEvent[] {
    if (event === "ping" || this.isWhole) return none;
    throw malformed(this.#asked, "a frame that is no JSON object");
  }
}

/** The events of an answer that came whole. Throws as a stream's reader does. */
export function wholeMessage(body: unknown, request: ChatRequest, asked: AskedUpstream): readonly ChatEvent[] {
  if (!isJsonObject(body)) throw malformed(asked, "an answer that is no JSON object");
  if (body["type"] === "error") throw faultOfFrame(body, asked);
  const { content, stop_reason: reason, usage } = body;
  if (!Array.isArray(content)) throw malformed(asked, "an answer without content");
  if (typeof reason !== "string") throw malformed(asked, "an answer that does not say why it ended");
  const answer = new Answer(request, asked);
  answer.usage.heed(usage);
  const events: ChatEvent[] = [];
  for (const [index, block] of content.entries()) events.push(...answer.begin(index, block), ...answer.close(index));
  events.push(...answer.finish(body), ...answer.end());
  return events;
}
