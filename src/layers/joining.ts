import type { ChatEvent, ChatRequest, Completed } from "../../gen/parley/v1/chat_pb.ts";
import type { ServedBy, Timings, Usage } from "../../gen/parley/v1/usage_pb.ts";
import { chatEvent } from "../core/events.ts";

/** Makes the events of several chats, one after the other, those of one answer. */
export class Joining {
  readonly #requests: readonly ChatRequest[];
  #index = 0;
  #firstChoice = 0;
  #completed: Completed | undefined;

  constructor(requests: readonly ChatRequest[]) {
    this.#requests = requests;
  }

  /** Which chat's events come now. */
  get index(): number {
    return this.#index;
  }

  get isOver(): boolean {
    return this.#index === this.#requests.length;
  }

  /** An event of the chat as it is told; undefined: it is not, or not yet. */
  told(chat: ChatEvent): ChatEvent | undefined {
    const { event } = chat;
    if (event.case === "completed") this.#completed = both(this.#completed, event.value);
    else if (this.#index === 0 || !isOpening(chat)) return counted(chat, this.#firstChoice);
    return undefined;
  }

  /** The chat has told all. */
  ended(): void {
    this.#firstChoice += this.#requests[this.#index++]?.choices ?? 1;
  }

  /** The end of them all; undefined where none was told. */
  completed(): ChatEvent | undefined {
    return this.#completed && chatEvent({ case: "completed", value: this.#completed });
  }
}

function isOpening({ event }: ChatEvent): boolean {
  return event.case === "accepted" || event.case === "progress" || event.case === "started";
}

function counted(told: ChatEvent, firstChoice: number): ChatEvent {
  const { event } = told;
  if (firstChoice === 0 || event.value === undefined || !("choice" in event.value)) return told;
  return { ...told, event: { ...event, value: { ...event.value, choice: event.value.choice + firstChoice } } as ChatEvent["event"] };
}

/** Who served the first is told, what all of them took, and when the last had ended. */
function both(before: Completed | undefined, completed: Completed): Completed {
  if (before === undefined) return completed;
  const { usage: a, servedBy, timings, ...rest } = before;
  const { usage: b } = completed;
  return {
    ...rest,
    ...(a !== undefined && b !== undefined && { usage: usageOfBoth(a, b) }),
    ...(servedBy !== undefined && { servedBy: servedOfBoth(servedBy, completed.servedBy) }),
    ...(timings !== undefined && { timings: timingsOfBoth(timings, completed.timings) }),
  };
}

/** Counted where both have counted; the less certain source is that of the sum. */
function usageOfBoth(a: Usage, b: Usage): Usage {
  const cachedTokens = sum(a.cachedTokens, b.cachedTokens);
  const cacheWriteTokens = sum(a.cacheWriteTokens, b.cacheWriteTokens);
  const reasoningTokens = sum(a.reasoningTokens, b.reasoningTokens);
  return {
    $typeName: "parley.v1.Usage",
    promptTokens: a.promptTokens + b.promptTokens,
    completionTokens: a.completionTokens + b.completionTokens,
    ...(cachedTokens !== undefined && { cachedTokens }),
    ...(cacheWriteTokens !== undefined && { cacheWriteTokens }),
    ...(reasoningTokens !== undefined && { reasoningTokens }),
    source: a.source > b.source ? a.source : b.source,
  };
}

function servedOfBoth(a: ServedBy, b: ServedBy | undefined): ServedBy {
  if (b === undefined) return a;
  return {
    ...a,
    attempts: a.attempts + b.attempts,
    retries: a.retries + b.retries,
    fallback: a.fallback || b.fallback,
    rateLimited: a.rateLimited || b.rateLimited,
    hedged: a.hedged || b.hedged,
  };
}

function timingsOfBoth(a: Timings, b: Timings | undefined): Timings {
  const upstreamMs = sum(a.upstreamMs, b?.upstreamMs);
  const totalMs = Math.max(a.totalMs ?? 0, b?.totalMs ?? 0);
  const { upstreamMs: _own, ...rest } = a;
  return { ...rest, totalMs, ...(upstreamMs !== undefined && { upstreamMs }) };
}

function sum(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? undefined : one + other;
}
