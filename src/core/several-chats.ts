import type { ChatEvent, ChatRequest, Completed } from "../../gen/parley/v1/chat_pb.ts";
import type { Usage } from "../../gen/parley/v1/usage_pb.ts";
import { callRecord, type CallContext } from "./context.ts";
import { begun, readAll } from "./stream.ts";
import type { Generate } from "./work.ts";

/** How many chats of one call run at once, whose answers are read whole. */
const mostAtOnce = 8;

/**
 * Work that answers several chats as one: their choices are counted on, their usage is summed, and one `accepted`, `started` and `completed` is told. Of the request that it is given only the idempotency key counts.
 * Who reads events as they come gets one chat after the other; who reads nothing before the end has them written side by side. What one of them fails with, all do.
 */
export function severalChats(next: Generate, requests: readonly ChatRequest[]): Generate {
  return function several({ idempotencyKey: key }, context) {
    const shared = sharing(context, requests.length);
    const one = (index: number, signal = context.signal) =>
      next(keyed(requests[index]!, key === "" ? "" : `${key}/${index}`), contextOf(shared, { index, signal }));
    return begun(() => inTurn(requests, context.isWhole ? sideBySide(requests.length, one, shared) : (index) => one(index)));
  };
}

/** What each chat may take of what the caller's key allows a call. */
function sharing(context: CallContext, chats: number): CallContext {
  const { limits } = context.caller;
  if (limits?.maxTokens === undefined) return context;
  return { ...context, caller: { ...context.caller, limits: { ...limits, maxTokens: Math.floor(limits.maxTokens / chats) } } };
}

/** A key stands for one request. */
function keyed(request: ChatRequest, idempotencyKey: string): ChatRequest {
  return idempotencyKey === "" ? request : { ...request, idempotencyKey };
}

/** The first one's record is the call's; the others' would change it under its feet. */
function contextOf(context: CallContext, { index, signal }: { readonly index: number; readonly signal: AbortSignal }): CallContext {
  return { ...context, signal, record: index === 0 ? context.record : callRecord() };
}

type Chat = (index: number) => AsyncIterable<ChatEvent> | Promise<readonly ChatEvent[]>;

async function* inTurn(requests: readonly ChatRequest[], chat: Chat): AsyncGenerator<ChatEvent, void, undefined> {
  let firstChoice = 0;
  let completed: Completed | undefined;
  for (const [index, { choices = 1 }] of requests.entries()) {
    for await (const event of await chat(index)) {
      if (event.event.case === "completed") completed = joined(completed, event.event.value);
      else if (index === 0 || !isOpening(event)) yield counted(event, firstChoice);
    }
    firstChoice += choices;
  }
  if (completed !== undefined) yield { $typeName: "parley.v1.ChatEvent", sequence: 0, event: { case: "completed", value: completed } };
}

function isOpening({ event }: ChatEvent): boolean {
  return event.case === "accepted" || event.case === "progress" || event.case === "started";
}

function counted(told: ChatEvent, firstChoice: number): ChatEvent {
  const { event } = told;
  if (firstChoice === 0 || event.value === undefined || !("choice" in event.value)) return told;
  return { ...told, event: { ...event, value: { ...event.value, choice: event.value.choice + firstChoice } } as ChatEvent["event"] };
}

/** Reads chats whole, some at once, in their order; one that fails ends the others. */
function sideBySide(
  count: number,
  one: (index: number, signal: AbortSignal) => AsyncIterable<ChatEvent>,
  { signal, caller }: CallContext,
): (index: number) => Promise<readonly ChatEvent[]> {
  const ending = new AbortController();
  const both = AbortSignal.any([signal, ending.signal]);
  const answers = Array.from({ length: count }, () => Promise.withResolvers<readonly ChatEvent[]>());
  // Whoever waits for an earlier one hears of a later one's failure when its turn comes; nobody is to call it unheard until then.
  for (const { promise } of answers) promise.catch(() => {});
  let following = 0;
  const run = async () => {
    for (let index = following++; index < count; index = following++) {
      try {
        const events: ChatEvent[] = [];
        await readAll(one(index, both), (event) => void events.push(event));
        answers[index]!.resolve(events);
      } catch (error) {
        // The first failure is why the others end.
        for (const { reject } of answers) reject(error);
        ending.abort(error);
        return;
      }
    }
  };
  const runners = Math.min(count, mostAtOnce, caller.limits?.concurrency ?? mostAtOnce);
  for (let runner = 0; runner < runners; runner++) void run();
  return (index) => answers[index]!.promise;
}

function joined(before: Completed | undefined, completed: Completed): Completed {
  if (before === undefined) return completed;
  const usage = before.usage !== undefined && completed.usage !== undefined ? sum(before.usage, completed.usage) : undefined;
  const { usage: _own, ...rest } = before;
  return usage === undefined ? rest : { ...rest, usage };
}

/** Counted where both have counted; the less certain source is that of the sum. */
function sum(a: Usage, b: Usage): Usage {
  const both = (one: number | undefined, other: number | undefined) => (one === undefined || other === undefined ? undefined : one + other);
  const cachedTokens = both(a.cachedTokens, b.cachedTokens);
  const cacheWriteTokens = both(a.cacheWriteTokens, b.cacheWriteTokens);
  const reasoningTokens = both(a.reasoningTokens, b.reasoningTokens);
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
