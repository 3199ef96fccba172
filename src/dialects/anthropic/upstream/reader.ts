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
  #hasEnded = false;

  constructor(request: ChatRequest, asked: AskedUpstream) {
    this.#answer = new Answer(request, asked);
    this.#asked = asked;
  }

  get isWhole(): boolean {
    return this.#answer.isWhole;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  read({ event, data }: UpstreamFrame): readonly ChatEvent[] {
    const frame = parsedJson(data);
    // A ping may come bare, and what goes wrong after the end mends nothing and breaks nothing.
    if (!isJsonObject(frame)) {
      if (event === "ping" || this.isWhole) return none;
      throw malformed(this.#asked, "a frame that is no JSON object");
    }
    const type = event === "error" ? event : (frame["type"] ?? event);
    if (type === "message_stop") this.#hasEnded = true;
    if (type === "message_delta") this.#answer.usage.heed(frame["usage"]);
    return this.isWhole ? none : this.#step(type, frame);
  }

  end(): readonly ChatEvent[] {
    return this.#answer.end();
  }

  #step(type: unknown, frame: JsonObject): readonly ChatEvent[] {
    switch (type) {
      case "content_block_delta":
        return this.#answer.add(frame["index"], frame["delta"]);
      case "content_block_start":
        return this.#answer.begin(frame["index"], frame["content_block"]);
      case "content_block_stop":
        return this.#answer.close(frame["index"]);
      case "message_start":
        this.#answer.usage.heed(isJsonObject(frame["message"]) ? frame["message"]["usage"] : undefined);
        return none;
      case "message_delta":
        return hasReason(frame["delta"]) ? this.#answer.finish(frame["delta"]) : none;
      case "message_stop":
        return this.#answer.finish({});
      case "error":
        throw faultOfFrame(frame, this.#asked);
      default:
        // `ping`, and events that later versions add: the API's makers ask to pass over them.
        return none;
    }
  }
}

function hasReason(delta: unknown): delta is JsonObject {
  return isJsonObject(delta) && typeof delta["stop_reason"] === "string";
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
