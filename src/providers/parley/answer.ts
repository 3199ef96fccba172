import type { ConnectError } from "@connectrpc/connect";
import type { ChatEvent, ChatRequest, ChatResponse, Choice } from "../../../gen/parley/v1/chat_pb.ts";
import type { Part } from "../../../gen/parley/v1/messages_pb.ts";
import type { Timings, Usage } from "../../../gen/parley/v1/usage_pb.ts";
import { estimatedPromptTokens, estimatedUsage } from "../../core/estimate.ts";
import { chatEvent, completed, finished, started, text } from "../../core/events.ts";
import { fault } from "../../core/reasons.ts";
import type { StreamReader } from "./stream-call.ts";

/** Reads another Parley's events as those of a provider: `started` with the first content, nothing of how it was served there, and only what the contract allows. */
export class AnswerReader implements StreamReader<ChatEvent, ChatEvent> {
  readonly #provider: string;
  readonly #request: ChatRequest;
  readonly #open: Set<number>;
  #hasStarted = false;
  #isFromCache = false;
  /** What is known there of the prompt when the answer starts. */
  #promptUsage: Usage | undefined;
  isComplete = false;
  #characters = 0;

  constructor(provider: string, request: ChatRequest) {
    this.#provider = provider;
    this.#request = request;
    this.#open = new Set(Array.from({ length: request.choices ?? 1 }, (_, choice) => choice));
  }

  read(chat: ChatEvent): readonly ChatEvent[] {
    if (this.isComplete) return [];
    const { event } = chat;
    switch (event.case) {
      case "started":
        this.#isFromCache = event.value.fromCache;
        this.#promptUsage = event.value.usage;
        return [];
      case "progress":
        return this.#hasStarted || !this.#request.includeProgress ? [] : [unnumbered(chat)];
      case "completed":
        return this.#complete(event.value.usage, event.value.timings);
      case "accepted":
      case undefined:
        // It was admitted there, which says nothing here; or it tells what this version does not know.
        return [];
      default:
        return this.#content(chat, event);
    }
  }

  end(error: ConnectError | undefined): readonly ChatEvent[] {
    if (this.isComplete) return [];
    // All choices have said why they ended: the answer is whole, and only its figures are missing.
    if (this.#open.size === 0) return this.#complete(undefined, undefined);
    throw error ?? fault("provider_truncated", `the answer of ${this.#provider} ended before its end mark`, { provider: this.#provider });
  }

  #content(chat: ChatEvent, event: ContentEvent): readonly ChatEvent[] {
    const { choice } = event.value;
    if (!this.#open.has(choice)) throw this.#malformed("content of a choice that nobody asked for, or that had ended");
    if (event.case === "toolCall" && event.value.index < 0) throw this.#malformed("a tool call without a place");
    if (isEmpty(event)) return [];
    if (event.case === "finished") this.#open.delete(choice);
    else this.#characters += event.case === "toolCall" ? event.value.arguments.length : event.value.text.length;
    if (this.#hasStarted) return [unnumbered(chat)];
    this.#hasStarted = true;
    const usage = this.#promptUsage;
    const told = usage !== undefined && isSane(usage) ? usage : undefined;
    return [startedBy(started(this.#provider, this.#request.model, told), this.#isFromCache), unnumbered(chat)];
  }

  #complete(usage: Usage | undefined, timings: Timings | undefined): readonly ChatEvent[] {
    if (this.#open.size > 0) throw this.#malformed("an answer that is complete before all of its choices have ended");
    this.isComplete = true;
    const counted = usage !== undefined && isSane(usage) ? usage : estimatedUsage(estimatedPromptTokens(this.#request), this.#characters);
    return [completed({ usage: counted, ...(timings !== undefined && { timings: innerTimings(timings) }) })];
  }

  #malformed(what: string): ConnectError {
    return fault("provider_malformed", `${this.#provider} sent ${what}`, { provider: this.#provider });
  }
}

type ContentEvent = Extract<ChatEvent["event"], { case: "text" | "refusal" | "reasoning" | "toolCall" | "finished" }>;

/** Providers leave numbers to the layer that numbers. The message is our own, fresh from its bytes. */
function unnumbered(chat: ChatEvent): ChatEvent {
  chat.sequence = 0;
  return chat;
}

function startedBy(first: ChatEvent, fromCache: boolean): ChatEvent {
  if (first.event.case === "started") first.event.value.fromCache = fromCache;
  return first;
}

/** Nothing to read: no content, and never the first. */
function isEmpty(event: ContentEvent): boolean {
  switch (event.case) {
    case "text":
      return event.value.text === "" && event.value.logprobs.length === 0;
    case "refusal":
      return event.value.text === "";
    case "reasoning":
      return event.value.text === "" && event.value.signature === "" && event.value.redactedData.length === 0;
    case "toolCall":
      return event.value.arguments === "" && event.value.name === "" && event.value.id === "";
    default:
      return false;
  }
}

/** Counts that no caller, book or metric could stand below zero. */
function isSane({ promptTokens, completionTokens, cachedTokens = 0, cacheWriteTokens = 0, reasoningTokens = 0 }: Usage): boolean {
  return Math.min(promptTokens, completionTokens, cachedTokens, cacheWriteTokens, reasoningTokens) >= 0;
}

/** What took time there and is not measured here: the queue, loading, reading and writing. */
function innerTimings({ queueMs, loadMs, promptMs, generationMs }: Timings): Timings {
  const all = Object.entries({ queueMs, loadMs, promptMs, generationMs }).filter(([, ms]) => ms !== undefined && ms >= 0);
  return { $typeName: "parley.v1.Timings", ...Object.fromEntries(all) };
}

/** The events of an answer that came whole. Throws `provider_malformed`. */
export function eventsOfAnswer(response: ChatResponse, provider: string, request: ChatRequest): readonly ChatEvent[] {
  const reader = new AnswerReader(provider, request);
  const { usage, timings } = response;
  const first = startedBy(started(provider, request.model), response.servedBy?.cacheHit === true);
  const events = response.choices.flatMap((choice) => eventsOfChoice(choice));
  const last = completed({ ...(usage !== undefined && { usage }), ...(timings !== undefined && { timings }) });
  return [first, ...events, last].flatMap((event) => reader.read(event));
}

function eventsOfChoice({ index, message, reason, rawReason, stopSequence, logprobs }: Choice): ChatEvent[] {
  let calls = 0;
  const content = (message?.parts ?? []).flatMap((part) => {
    const event = eventOfPart(index, part, calls);
    if (event?.event.case === "toolCall") calls++;
    return event ?? [];
  });
  // Whose text is whole has the logprobs of all of it in one place.
  const first = content.find(({ event }) => event.case === "text");
  if (first?.event.case === "text") first.event.value.logprobs = logprobs;
  else if (logprobs.length > 0) content.push(text(index, "", logprobs));
  return [...content, finished(index, reason, { rawReason, ...(stopSequence !== undefined && { stopSequence }) })];
}

function eventOfPart(choice: number, { part }: Part, index: number): ChatEvent | undefined {
  switch (part.case) {
    case "text":
      return text(choice, part.value.text);
    case "refusal":
      return chatEvent({ case: "refusal", value: { $typeName: "parley.v1.RefusalDelta", choice, text: part.value.text } });
    case "reasoning": {
      const { text: words, signature, redactedData } = part.value;
      return chatEvent({
        case: "reasoning",
        value: { $typeName: "parley.v1.ReasoningDelta", choice, text: words, signature, redactedData },
      });
    }
    case "toolCall": {
      const { id, name, arguments: words } = part.value;
      return chatEvent({ case: "toolCall", value: { $typeName: "parley.v1.ToolCallDelta", choice, index, id, name, arguments: words } });
    }
    default:
      return undefined;
  }
}
