import {
  FinishReason,
  type ChatEvent,
  type Completed,
  type ReasoningDelta,
  type TextDelta,
  type ToolCallDelta,
} from "../../../gen/parley/v1/chat_pb.ts";
import { oneLine } from "../openai/chunks.ts";
import {
  callToOllama,
  doneReason,
  logprobsToOllama,
  metricsToOllama,
  saidIn,
  type AnswerOptions,
  type LineRest,
  type Shape,
} from "./response.ts";

/** What differs between answers. */
export interface LineOptions extends AnswerOptions {
  /** Ms since the epoch, of each line. */
  now(): number;
}

interface OpenCall {
  readonly index: number;
  readonly id: string;
  readonly name: string;
  arguments: string;
}

/** Writes the events of one answer as lines of JSON. A call comes in one line, when it is whole: this format has no pieces of it. */
export class LineWriter {
  readonly #options: LineOptions;
  /** The model's name as JSON. */
  #model = '""';
  #headMs = Number.NaN;
  #headText = "";
  #call: OpenCall | undefined;
  #reason: FinishReason = FinishReason.OTHER;
  #isDone = false;

  constructor(options: LineOptions) {
    this.#options = options;
  }

  /** Whether the last line was written. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** Lines for the next event; empty when clients see nothing of it. Throws `provider_malformed` for a call whose arguments are no JSON object. */
  write({ event }: ChatEvent): string {
    switch (event.case) {
      case "accepted":
        this.#name(event.value.model);
        return "";
      case "started":
        if (event.value.answerModel !== "") this.#name(event.value.answerModel);
        return "";
      case "text":
        return this.#written() + this.#text(event.value);
      case "refusal":
        return this.#written() + this.#said(event.value.text);
      case "reasoning":
        return this.#thought(event.value);
      case "toolCall":
        return this.#piece(event.value);
      case "finished":
        this.#reason = event.value.reason;
        return this.#written();
      case "completed":
        return this.#end(event.value);
      default:
        return "";
    }
  }

  #name(model: string): void {
    this.#model = oneLine(this.#options.nameOf(model));
    this.#headMs = Number.NaN;
  }

  /** Signatures and hidden thinking have no place in this format. */
  #thought({ text }: ReasoningDelta): string {
    return text === "" ? "" : this.#written() + this.#said("", { thinking: text });
  }

  #said(words: string, more: Parameters<typeof saidIn>[2] = {}): string {
    return this.#line({ ...saidIn(this.#options.shape, words, more), done: false });
  }

  /** Streams are made of such lines: what all have in common is written once. */
  #text({ text, logprobs }: TextDelta): string {
    const [before, after] = plainLines[this.#options.shape];
    const told = logprobs.length === 0 ? "" : `,"logprobs":${oneLine(logprobsToOllama(logprobs))}`;
    return `${this.#head()}${before}${oneLine(text)}${after}${told},"done":false}\n`;
  }

  #piece({ index, id, name, arguments: words }: ToolCallDelta): string {
    if (this.#call?.index === index) {
      this.#call.arguments += words;
      return "";
    }
    const before = this.#written();
    this.#call = { index, id, name, arguments: words };
    return before;
  }

  /** The call that was gathered, if any. */
  #written(): string {
    const call = this.#call;
    if (call === undefined) return "";
    this.#call = undefined;
    return this.#said("", { tool_calls: [callToOllama(call, call.index)] });
  }

  #end({ usage, timings }: Completed): string {
    this.#isDone = true;
    const last = {
      ...saidIn(this.#options.shape, ""),
      done: true,
      done_reason: doneReason(this.#reason),
      ...metricsToOllama(usage, timings),
    };
    return this.#line(last);
  }

  #line(said: LineRest): string {
    return `${this.#head()}${oneLine(said).slice(1)}\n`;
  }

  /** Whose line it is, and when it was written: several a millisecond share an instant. */
  #head(): string {
    const nowMs = Math.floor(this.#options.now());
    if (nowMs === this.#headMs) return this.#headText;
    this.#headMs = nowMs;
    this.#headText = `{"model":${this.#model},"created_at":"${new Date(nowMs).toISOString()}",`;
    return this.#headText;
  }
}

/** What stands around the words of a line that has nothing else. */
const plainLines: Readonly<Record<Shape, readonly [before: string, after: string]>> = {
  chat: [`"message":{"role":"assistant","content":`, "}"],
  generate: [`"response":`, ""],
};
