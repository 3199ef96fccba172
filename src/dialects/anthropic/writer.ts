import type {
  Accepted,
  ChatEvent,
  ChoiceFinished,
  Completed,
  ReasoningDelta,
  Started,
  ToolCallDelta,
} from "../../../gen/parley/v1/chat_pb.ts";
import { oneLine } from "../openai/chunks.ts";
import { servedComment } from "../openai/served.ts";
import { deltaUsageToAnthropic, messageId, nothingTaken, stopToAnthropic, usageToAnthropic } from "./response.ts";
import type { ErrorBody } from "./wire/errors.ts";
import type { MessageDelta, MessageEvent } from "./wire/events.ts";
import type { BegunMessage, ContentBlock } from "./wire/message.ts";

/** A keep-alive, as the API itself sends it. */
export const pingFrame = 'event: ping\ndata: {"type": "ping"}\n\n';

/** One event of a stream: its name stands before the data and in them, for clients heed the one or the other. */
export function eventFrame(data: MessageEvent | ErrorBody): string {
  return `event: ${data.type}\ndata: ${oneLine(data)}\n\n`;
}

type Kind = "text" | "thinking" | "tool_use";

/** How an answer is written. */
export interface WriterOptions {
  /** About how many the prompt has. */
  readonly promptTokens: number;
  /** Whether thinking is told by its signature alone. */
  readonly isThinkingOmitted?: boolean;
}

/**
 * Writes the events of one answer as the API's own: one block after another, each begun and ended, then why the message ended with what it took, then its end.
 * Where the tokens of the prompt are not known at the start, clients that read them there get an estimate, which the end corrects.
 */
export class MessageWriter {
  readonly #promptTokens: number;
  readonly #isThinkingOmitted: boolean;
  #accepted: Pick<Accepted, "id" | "model"> = { id: "", model: "" };
  /** The block that is being written. */
  #open: { readonly kind: Kind; readonly index: number } | undefined;
  #blocks = 0;
  /** Blocks of calls, by the call's index. */
  readonly #calls = new Map<number, number>();
  #refusal = "";
  #finished: ChoiceFinished | undefined;
  #isDone = false;

  constructor({ promptTokens, isThinkingOmitted = false }: WriterOptions) {
    this.#promptTokens = promptTokens;
    this.#isThinkingOmitted = isThinkingOmitted;
  }

  /** Whether the end was written. */
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
        return this.#start(event.value);
      case "text":
        return this.#piece("text", event.value.text);
      case "reasoning":
        return this.#thought(event.value);
      case "toolCall":
        return this.#call(event.value);
      case "refusal":
        this.#refusal += event.value.text;
        return "";
      case "finished":
        this.#finished = event.value;
        return this.#close();
      case "completed":
        return this.#end(event.value);
      default:
        return "";
    }
  }

  #start({ answerModel, usage }: Started): string {
    const { id, model } = this.#accepted;
    const message: BegunMessage = {
      id: messageId(id),
      type: "message",
      role: "assistant",
      model: answerModel === "" ? model : answerModel,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      stop_details: null,
      container: null,
      diagnostics: null,
      usage: usageToAnthropic(usage ?? { ...nothingTaken, promptTokens: this.#promptTokens }),
    };
    return eventFrame({ type: "message_start", message });
  }

  /** Text or thinking: nearly every event of a stream. */
  #piece(kind: "text" | "thinking", words: string): string {
    if (words === "") return "";
    const begun = this.#open?.kind === kind ? "" : this.#begin(kind, kind === "text" ? emptyText : emptyThinking);
    const delta = kind === "text" ? `{"type":"text_delta","text":` : `{"type":"thinking_delta","thinking":`;
    return `${begun}${this.#delta(this.#blocks - 1, `${delta}${oneLine(words)}}`)}`;
  }

  /** Of thinking that is not told it is told that there is some. */
  #hint(words: string): string {
    return words === "" || this.#open?.kind === "thinking" ? "" : this.#begin("thinking", emptyThinking);
  }

  /** A signature ends its thinking: what is thought after it is another block. */
  #thought({ text, signature, redactedData }: ReasoningDelta): string {
    if (redactedData.length > 0) {
      const data = new TextDecoder().decode(redactedData);
      return this.#close() + this.#begin(undefined, blockJson({ type: "redacted_thinking", data })) + this.#stop(this.#blocks - 1);
    }
    const words = this.#isThinkingOmitted ? this.#hint(text) : this.#piece("thinking", text);
    if (signature === "") return words;
    const begun = this.#open?.kind === "thinking" ? "" : this.#begin("thinking", emptyThinking);
    const signed = this.#delta(this.#blocks - 1, `{"type":"signature_delta","signature":${oneLine(signature)}}`);
    return words + begun + signed + this.#close();
  }

  #call({ index, id, name, arguments: words }: ToolCallDelta): string {
    const known = this.#calls.get(index);
    const begun =
      known === undefined ? this.#begin("tool_use", blockJson({ type: "tool_use", id, name, input: {}, caller: { type: "direct" } })) : "";
    const block = known ?? this.#blocks - 1;
    if (known === undefined) this.#calls.set(index, block);
    return words === "" ? begun : begun + this.#delta(block, `{"type":"input_json_delta","partial_json":${oneLine(words)}}`);
  }

  #begin(kind: Kind | undefined, block: string): string {
    const closed = this.#close();
    const index = this.#blocks++;
    this.#open = kind === undefined ? undefined : { kind, index };
    return `${closed}event: content_block_start\ndata: {"type":"content_block_start","index":${index},"content_block":${block}}\n\n`;
  }

  #delta(index: number, delta: string): string {
    return `event: content_block_delta\ndata: {"type":"content_block_delta","index":${index},"delta":${delta}}\n\n`;
  }

  #close(): string {
    if (this.#open === undefined) return "";
    const { index } = this.#open;
    this.#open = undefined;
    return this.#stop(index);
  }

  #stop(index: number): string {
    return `event: content_block_stop\ndata: {"type":"content_block_stop","index":${index}}\n\n`;
  }

  #end({ usage = nothingTaken, servedBy }: Completed): string {
    this.#isDone = true;
    const finished = this.#finished ?? { reason: 0, rawReason: "" };
    const stop = stopToAnthropic({ ...finished, hasCalls: this.#calls.size > 0, refusal: this.#refusal });
    const ending: MessageDelta = { type: "message_delta", delta: { ...stop, container: null }, usage: deltaUsageToAnthropic(usage) };
    return eventFrame(ending) + servedComment(servedBy) + eventFrame({ type: "message_stop" });
  }
}

function blockJson(begun: ContentBlock): string {
  return oneLine(begun);
}

const emptyText = blockJson({ type: "text", text: "", citations: null });
const emptyThinking = blockJson({ type: "thinking", thinking: "", signature: "" });
