import type { ChatEvent, ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import { callRecord, type CallContext, type CallRecord } from "../core/context.ts";
import { asFault, fault } from "../core/reasons.ts";
import { linkSignal, throwIfAborted, type LinkedSignal } from "../core/signals.ts";
import type { ReadyIterator } from "../core/stages.ts";
import { begun, observe, readAll } from "../core/stream.ts";
import type { Generate } from "../core/work.ts";
import { Joining } from "./joining.ts";

/** How many chats of one call run at once, whose answers are read whole. Of a key whose calls are counted it is one: the call has one of its places. */
const mostAtOnce = 8;

/**
 * Answers a call that asks for several chats as one: their choices are counted on, their usage and what became of them is summed, and one `accepted`, `started` and `completed` is told.
 * Who reads events as they come gets one chat after the other; who reads nothing before the end has them written side by side. What one of them fails with, all do.
 */
export function severalChats(next: Generate): Generate {
  return function several(request, context) {
    const { requests } = context;
    if (requests === undefined) return next(request, context);
    const open: Open = (index, signal) => {
      const record = callRecord();
      const own = keyed(requests[index]!, request.idempotencyKey, index);
      return observe(() => next(own, { ...context, signal, record }), { end: () => add(context.record, record) });
    };
    const Reader = context.isWhole ? SideBySide : InTurn;
    return begun(() => ({ [Symbol.asyncIterator]: () => new Reader(requests, open, context) }));
  };
}

type Open = (index: number, signal: AbortSignal) => AsyncIterable<ChatEvent>;

/** A key stands for one request. */
function keyed(request: ChatRequest, key: string, index: number): ChatRequest {
  return key === "" ? request : { ...request, idempotencyKey: `${key}/${index}` };
}

/** Adds what became of one chat to what became of the call. */
function add(call: CallRecord, own: CallRecord): void {
  if (own.asked > 0) call.asked = call.attempts + own.asked;
  call.target = own.target ?? call.target;
  call.attempts += own.attempts;
  call.further += own.further;
  call.retries += own.retries;
  call.isRateLimited ||= own.isRateLimited;
  call.isHedged ||= own.isHedged;
  if (own.upstreamMs !== undefined) call.upstreamMs = (call.upstreamMs ?? 0) + own.upstreamMs;
}

const over = { done: true, value: undefined } as const;

/** One chat after the other; what is there at once of the one that runs needs no promise. */
class InTurn implements ReadyIterator<ChatEvent> {
  readonly #open: Open;
  readonly #signal: AbortSignal;
  readonly #joining: Joining;
  #events: ReadyIterator<ChatEvent> | undefined;
  #isOver = false;

  constructor(requests: readonly ChatRequest[], open: Open, { signal }: CallContext) {
    this.#open = open;
    this.#signal = signal;
    this.#joining = new Joining(requests);
  }

  async next(): Promise<IteratorResult<ChatEvent>> {
    for (;;) {
      const events = this.#current();
      if (events === undefined) return this.#end();
      const told = this.#see(events.ready?.() ?? (await events.next()));
      if (told !== undefined) return told;
    }
  }

  ready(): IteratorResult<ChatEvent> | undefined {
    for (;;) {
      const events = this.#current();
      if (events === undefined) return this.#end();
      const result = events.ready?.();
      if (result === undefined) return undefined;
      const told = this.#see(result);
      if (told !== undefined) return told;
    }
  }

  async return(): Promise<IteratorResult<ChatEvent>> {
    this.#isOver = true;
    await this.#events?.return?.();
    return over;
  }

  #current(): ReadyIterator<ChatEvent> | undefined {
    if (this.#isOver || this.#joining.isOver) return undefined;
    this.#events ??= this.#open(this.#joining.index, this.#signal)[Symbol.asyncIterator]();
    return this.#events;
  }

  #see(result: IteratorResult<ChatEvent>): IteratorResult<ChatEvent> | undefined {
    if (result.done !== true) {
      const value = this.#joining.told(result.value);
      return value === undefined ? undefined : { done: false, value };
    }
    this.#events = undefined;
    this.#joining.ended();
    return undefined;
  }

  /** The last event, once. */
  #end(): IteratorResult<ChatEvent> {
    const value = this.#isOver ? undefined : this.#joining.completed();
    this.#isOver = true;
    return value === undefined ? over : { done: false, value };
  }
}

/** All chats, some at once, told when the last has ended. */
class SideBySide implements ReadyIterator<ChatEvent> {
  readonly #requests: readonly ChatRequest[];
  readonly #open: Open;
  readonly #context: CallContext;
  #link: LinkedSignal | undefined;
  #reading: Promise<Iterator<ChatEvent, undefined>> | undefined;
  #told: Iterator<ChatEvent, undefined> | undefined;
  #isOver = false;

  constructor(requests: readonly ChatRequest[], open: Open, context: CallContext) {
    this.#requests = requests;
    this.#open = open;
    this.#context = context;
  }

  async next(): Promise<IteratorResult<ChatEvent>> {
    if (this.#isOver) return over;
    this.#reading ??= this.#read();
    this.#told ??= await this.#reading;
    return this.#told.next();
  }

  ready(): IteratorResult<ChatEvent> | undefined {
    return this.#isOver ? undefined : this.#told?.next();
  }

  async return(): Promise<IteratorResult<ChatEvent>> {
    this.#isOver = true;
    this.#link?.abort(fault("caller_gone", "the caller went away"));
    await this.#reading?.catch(() => {}); // nobody waits for it any more: what it throws is the abort
    return over;
  }

  /** One that fails ends the others, and the call has ended when they have. */
  async #read(): Promise<Iterator<ChatEvent, undefined>> {
    const link = linkSignal(this.#context.signal);
    this.#link = link;
    const answers = this.#requests.map((): ChatEvent[] => []);
    let following = 0;
    const run = async () => {
      for (let index = following++; index < answers.length; index = following++) {
        throwIfAborted(link.signal);
        await readAll(this.#open(index, link.signal), (event) => void answers[index]!.push(event));
      }
    };
    const atOnce = this.#context.caller.limits?.concurrency === undefined ? Math.min(answers.length, mostAtOnce) : 1;
    const runners = Array.from({ length: atOnce }, run);
    try {
      await Promise.all(runners);
    } catch (error) {
      link.abort(asFault(error));
      throw error;
    } finally {
      await Promise.allSettled(runners);
      link.release();
    }
    return joined(this.#requests, answers);
  }
}

function* joined(requests: readonly ChatRequest[], answers: readonly (readonly ChatEvent[])[]): Generator<ChatEvent, undefined> {
  const joining = new Joining(requests);
  for (const events of answers) {
    for (const event of events) {
      const told = joining.told(event);
      if (told !== undefined) yield told;
    }
    joining.ended();
  }
  const completed = joining.completed();
  if (completed !== undefined) yield completed;
  return undefined;
}
