import { FinishReason, type ChatEvent, type ChatRequest, type ReasoningDelta } from "../../../../gen/parley/v1/chat_pb.ts";
import { chatEvent, completed, finished, started, text, toolCall } from "../../../core/events.ts";
import { isJsonObject, type JsonObject } from "../../../core/json.ts";
import type { AskedUpstream } from "../../upstream-dialect.ts";
import { malformed, truncated } from "../../upstream-fault.ts";
import { UsageCount } from "./usage.ts";

const finishReasons: Readonly<Record<string, FinishReason>> = {
  end_turn: FinishReason.STOP,
  stop_sequence: FinishReason.STOP,
  max_tokens: FinishReason.LENGTH,
  model_context_window_exceeded: FinishReason.LENGTH,
  tool_use: FinishReason.TOOL_CALLS,
  refusal: FinishReason.CONTENT_FILTER,
  pause_turn: FinishReason.OTHER,
};

/** A block that is being written. */
interface OpenBlock {
  readonly type: string;
  /** Of a call: which one of the answer it is, from 0; else -1. */
  readonly call: number;
  /** Of a call: what its first frame says it was made with. Streams write that piece by piece instead. */
  readonly input: unknown;
  hasArguments: boolean;
}

/** One answer of Anthropic's as events of ours: block by block, whether they come as a stream or whole. */
export class Answer {
  readonly usage = new UsageCount();
  readonly #request: ChatRequest;
  readonly #asked: AskedUpstream;
  readonly #open = new Map<unknown, OpenBlock>();
  /** What shows nothing yet - a signature - and so does not settle who serves. */
  #held: ChatEvent[] = [];
  #calls = 0;
  #characters = 0;
  #hasStarted = false;
  #isWhole = false;

  constructor(request: ChatRequest, asked: AskedUpstream) {
    this.#request = request;
    this.#asked = asked;
  }

  /** Whether the reason of its end was told. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** A block begins; whole answers have all of it here. */
  begin(index: unknown, block: unknown): readonly ChatEvent[] {
    if (!isJsonObject(block) || typeof block["type"] !== "string") throw this.#malformed("a block without a type");
    const { type } = block;
    const isCall = type === "tool_use";
    this.#open.set(index, { type, call: isCall ? this.#calls++ : -1, input: block["input"], hasArguments: false });
    switch (type) {
      case "text":
        return this.#text(block["text"] ?? "");
      case "thinking":
        return this.#wholeThinking(block);
      case "redacted_thinking":
        return this.#hidden(reasoning({ redactedData: new TextEncoder().encode(this.#textOf(block["data"])) }));
      case "tool_use":
        return this.#call(block);
      default:
        // Server tools are never asked for, and content that is passed over in silence would be lost.
        throw this.#malformed("a block of a kind that was not asked for");
    }
  }

  /** More of a block. Kinds of pieces that nobody knows are passed over, as the API's makers ask: they say something about a block, such as what it cites. */
  add(index: unknown, delta: unknown): readonly ChatEvent[] {
    const block = this.#open.get(index);
    if (block === undefined) throw this.#malformed("a piece of a block that was not begun");
    if (!isJsonObject(delta)) throw this.#malformed("a piece that is no object");
    switch (delta["type"]) {
      case "text_delta":
        return this.#text(delta["text"]);
      case "input_json_delta":
        return this.#arguments(block, this.#textOf(delta["partial_json"]));
      case "thinking_delta":
        return this.#thinking(delta["thinking"]);
      case "signature_delta":
        return this.#signature(delta["signature"]);
      default:
        return none;
    }
  }

  /** A block ends. A call without arguments has been made with an empty object. */
  close(index: unknown): readonly ChatEvent[] {
    const block = this.#open.get(index);
    this.#open.delete(index);
    if (block?.type !== "tool_use" || block.hasArguments) return none;
    return this.#arguments(block, JSON.stringify(isJsonObject(block.input) ? block.input : {}));
  }

  /** The answer ends: by the reason that is told in a `message` or in the delta of one. */
  finish({ stop_reason: raw, stop_sequence: stop, stop_details: details }: JsonObject): readonly ChatEvent[] {
    const rest = [...this.#open.keys()].flatMap((index) => this.close(index));
    const words = raw === "refusal" && isJsonObject(details) ? details["explanation"] : undefined;
    const refusal = typeof words === "string" && words !== "" ? this.#content(refusalEvent(words.toWellFormed())) : none;
    const rawReason = typeof raw === "string" ? raw.slice(0, mostReasonCharacters).toWellFormed() : "";
    const more = typeof stop === "string" && stop !== "" ? { rawReason, stopSequence: stop.toWellFormed() } : { rawReason };
    const end = this.#content(finished(0, this.#reasonOf(rawReason), more));
    this.#isWhole = true;
    return [...rest, ...refusal, ...end];
  }

  /** Without a word for it, calls alone tell why it ended. */
  #reasonOf(rawReason: string): FinishReason {
    const known = Object.hasOwn(finishReasons, rawReason) ? finishReasons[rawReason] : undefined;
    return known ?? (rawReason === "" && this.#calls > 0 ? FinishReason.TOOL_CALLS : FinishReason.OTHER);
  }

  /** What comes last. Throws `provider_truncated` when the answer is not whole. */
  end(): readonly ChatEvent[] {
    if (!this.#isWhole) throw truncated(this.#asked);
    return [completed({ usage: this.usage.usage(this.#request, this.#characters) })];
  }

  #text(words: unknown): readonly ChatEvent[] {
    const said = this.#textOf(words);
    if (said === "") return none;
    this.#characters += said.length;
    return this.#content(text(0, said));
  }

  #thinking(words: unknown): readonly ChatEvent[] {
    const thought = this.#textOf(words);
    if (thought === "") return none;
    this.#characters += thought.length;
    return this.#content(reasoning({ text: thought }));
  }

  #signature(words: unknown): readonly ChatEvent[] {
    const signature = this.#textOf(words);
    return signature === "" ? none : this.#hidden(reasoning({ signature }));
  }

  #wholeThinking({ thinking = "", signature = "" }: JsonObject): readonly ChatEvent[] {
    return [...this.#thinking(thinking), ...this.#signature(signature)];
  }

  #call({ id, name }: JsonObject): readonly ChatEvent[] {
    return this.#content(toolCall({ choice: 0, index: this.#calls - 1, id: this.#textOf(id), name: this.#textOf(name), arguments: "" }));
  }

  #arguments(block: OpenBlock, words: string): readonly ChatEvent[] {
    if (block.call < 0) throw this.#malformed("arguments outside of a call");
    if (words === "") return none;
    block.hasArguments = true;
    this.#characters += words.length;
    return this.#content(toolCall({ choice: 0, index: block.call, arguments: words }));
  }

  /** Passes content on; the first comes behind `started` and what was held back. */
  #content(event: ChatEvent): readonly ChatEvent[] {
    if (this.#hasStarted) return [event];
    this.#hasStarted = true;
    const { provider, model } = this.#asked;
    return [started(provider, model, this.usage.promptUsage()), ...this.#held, event];
  }

  #hidden(event: ChatEvent): readonly ChatEvent[] {
    if (this.#hasStarted) return [event];
    if (this.#held.length >= mostHeld) throw this.#malformed("more signatures than an answer has");
    this.#held.push(event);
    return none;
  }

  #textOf(value: unknown): string {
    if (typeof value === "string") return value.isWellFormed() ? value : value.toWellFormed();
    throw this.#malformed("a piece without its text");
  }

  #malformed(what: string): Error {
    return malformed(this.#asked, what);
  }
}

const none: readonly ChatEvent[] = [];
/** Hidden blocks before the first words; an upstream that sends ever more of them is kept from filling memory. */
const mostHeld = 1024;
const mostReasonCharacters = 64;

function reasoning(piece: Partial<Omit<ReasoningDelta, "$typeName">>): ChatEvent {
  const value: ReasoningDelta = {
    $typeName: "parley.v1.ReasoningDelta",
    choice: 0,
    text: "",
    signature: "",
    redactedData: new Uint8Array(),
    ...piece,
  };
  return chatEvent({ case: "reasoning", value });
}

function refusalEvent(words: string): ChatEvent {
  return chatEvent({ case: "refusal", value: { $typeName: "parley.v1.RefusalDelta", choice: 0, text: words } });
}
