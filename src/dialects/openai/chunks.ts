import type {
  Accepted,
  ChatEvent,
  ChoiceFinished,
  Completed,
  ReasoningDelta,
  Started,
  TokenLogprob,
  ToolCallDelta,
} from "../../../gen/parley/v1/chat_pb.ts";
import { reasoningDetail } from "./reasoning-details.ts";
import { usualDialect, type ThinkingWord } from "../../core/openai-dialect.ts";
import { thoughtNamed } from "./dialect-options.ts";
import { padded } from "./padding.ts";
import { servedComment } from "./served.ts";
import { fingerprinted, finishReasonToOpenAI, logprobsToOpenAI, usageToOpenAI } from "./response.ts";
import type { ChatCompletionChunk, ChatDelta, ToolCallPiece } from "./wire/chat-chunk.ts";

/** How chunks are written. */
export interface ChunkOptions {
  /** Whether a chunk with the usage comes before the end. */
  readonly includeUsage: boolean;
  /** Whether chunks are padded, so that their sizes tell nothing of what they say. */
  readonly includeObfuscation?: boolean;
  /** Under which keys thinking is told. Default `reasoning_content`. */
  readonly thinking?: ThinkingWord;
}

/** What one choice has sent so far. */
interface ChoiceState {
  hasToolCalls: boolean;
  /** Calls whose id and name were sent, by index. */
  readonly calls: Set<number>;
  /** Thinking since the last that was signed. */
  thought: string;
}

type Content = Extract<ChatEvent["event"], { case: "text" | "reasoning" | "refusal" | "toolCall" }>;

/** The end mark of a stream that went well. */
export const doneFrame = "data: [DONE]\n\n";

/** A keep-alive: a comment, which every client's parser skips. */
export const keepAliveFrame = ": keep-alive\n\n";

/** JSON on one line for every client: some split at characters that only Unicode calls line ends. */
export function oneLine(value: unknown): string {
  const json = JSON.stringify(value);
  return lineEnds.test(json) ? json.replaceAll(allLineEnds, escaped) : json;
}

const lineEnds = /[\u0085\u2028\u2029]/;
const allLineEnds = /[\u0085\u2028\u2029]/g;

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** One frame of server-sent events around a value, as a single line of data: never an `event:` or `id:`, on which clients break. */
export function dataFrame(value: unknown): string {
  return `data: ${oneLine(value)}\n\n`;
}

/**
 * Writes the events of one answer as chunks of `chat.completion.chunk`, framed. The rules that all clients tolerate: the role once per choice and first, a call's
 * id and name once, one finish chunk per choice with an empty delta, usage in a chunk without choices and only when asked for, no `error` key.
 */
export class ChunkWriter {
  readonly #options: ChunkOptions;
  readonly #choices = new Map<number, ChoiceState>();
  #isDone = false;
  #accepted: Accepted | undefined;
  #started: Started | undefined;
  #prefix = "";
  #suffix = "";

  constructor(options: ChunkOptions) {
    this.#options = options;
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
        return this.#role(0);
      case "text":
      case "reasoning":
      case "refusal":
      case "toolCall":
        return this.#role(event.value.choice) + this.#content(event);
      case "finished":
        return this.#role(event.value.choice) + this.#finish(event.value);
      case "completed":
        this.#isDone = true;
        return this.#usage(event.value) + servedComment(event.value.servedBy) + doneFrame;
      default:
        return "";
    }
  }

  #content(event: Content): string {
    switch (event.case) {
      case "text":
        return this.#delta(event.value.choice, { content: event.value.text }, event.value.logprobs);
      case "reasoning":
        return this.#thought(event.value);
      case "refusal":
        return this.#delta(event.value.choice, { refusal: event.value.text });
      default:
        return this.#toolCall(event.value);
    }
  }

  /** What has to come back as it was - signed or hidden - is told whole where it ends, so that a client needs to join nothing but the list. */
  #thought({ choice, text, signature, redactedData }: ReasoningDelta): string {
    const state = this.#choices.get(choice);
    const words = text === "" ? "" : this.#delta(choice, thoughtNamed(text, this.#options.thinking ?? usualDialect.thinking));
    if (state === undefined) return words;
    state.thought += text;
    if (signature === "" && redactedData.length === 0) return words;
    const detail = reasoningDetail({ text: state.thought, signature, redactedData });
    if (redactedData.length === 0) state.thought = "";
    return words + this.#delta(choice, { reasoning_details: [detail] });
  }

  #finish({ choice, reason }: ChoiceFinished): string {
    const hasToolCalls = this.#choices.get(choice)?.hasToolCalls ?? false;
    return this.#chunk(choice, "{}", `"${finishReasonToOpenAI(reason, hasToolCalls)}"`);
  }

  /** What all chunks share is written once: streams are made of small chunks. The first of them comes behind `started`, whose model may be another than was asked for. */
  #begin(): void {
    if (this.#accepted === undefined) return;
    const { id, model, created } = this.#accepted;
    const head: Omit<ChatCompletionChunk, "choices"> = {
      id,
      object: "chat.completion.chunk",
      created: Number(created?.seconds ?? 0n),
      model: this.#started?.answerModel || model,
      service_tier: null,
      ...fingerprinted(this.#started),
      moderation: null,
    };
    this.#prefix = `data: ${oneLine(head).slice(0, -1)},"choices":[`;
    this.#suffix = this.#options.includeUsage ? `],"usage":null}\n\n` : "]}\n\n";
  }

  /** The first chunk of a choice, if it is due. */
  #role(choice: number): string {
    if (this.#choices.has(choice)) return "";
    this.#choices.set(choice, { hasToolCalls: false, calls: new Set(), thought: "" });
    return this.#chunk(choice, `{"role":"assistant","content":""}`, "null");
  }

  #toolCall({ choice, index, id, name, arguments: text }: ToolCallDelta): string {
    const state = this.#choices.get(choice);
    const isFirst = state !== undefined && !state.calls.has(index);
    if (state !== undefined) {
      state.hasToolCalls = true;
      state.calls.add(index);
    }
    const call: ToolCallPiece = isFirst
      ? { index, id, type: "function", function: { name, arguments: text } }
      : { index, function: { arguments: text } };
    return this.#delta(choice, { tool_calls: [call] });
  }

  #delta(choice: number, delta: ChatDelta, logprobs: readonly TokenLogprob[] = []): string {
    return this.#chunk(choice, oneLine(delta), "null", logprobs.length === 0 ? "null" : oneLine(logprobsToOpenAI(logprobs)));
  }

  // oxlint-disable-next-line max-params -- the four places of one literal
  #chunk(choice: number, delta: string, finish: string, logprobs = "null"): string {
    const frame = `${this.#prefix}{"index":${choice},"delta":${delta},"logprobs":${logprobs},"finish_reason":${finish}}${this.#suffix}`;
    return this.#options.includeObfuscation === true ? padded(frame) : frame;
  }

  /** The chunk without choices, on which clients that did not ask for it break. */
  #usage({ usage }: Completed): string {
    if (!this.#options.includeUsage) return "";
    return `${this.#prefix}],"usage":${usage === undefined ? "null" : JSON.stringify(usageToOpenAI(usage))}}\n\n`;
  }
}
