import type { ChatEvent, ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import type { Timings, Usage } from "../../gen/parley/v1/usage_pb.ts";
import type { CallContext } from "./context.ts";
import type { ModelPurpose, Provider } from "./ports.ts";

/** Work: a request in, events out (unary work yields one). Heeds `context.signal` at every await; throws nothing but ConnectError. */
export type Work<Request, Event> = (request: Request, context: CallContext) => AsyncIterable<Event>;

/** The work of chat. */
export type Generate = Work<ChatRequest, ChatEvent>;

/** What only the route knows of an answer. */
export interface Served {
  /** The model's name as answers give it: as asked, unless another model than the route's first serves; then that one's. */
  readonly name: string;
  readonly provider: string;
  /** The model's name there. */
  readonly model: string;
  /** Which attempt serves, from 1. */
  readonly attempt: number;
  /** Attempts so far, hedges included. */
  readonly attempts: number;
  /** Attempts that repeated one on the same target. */
  readonly retries: number;
  /** Whether another than the route's first target serves. */
  readonly isFallback: boolean;
  /** Whether an upstream's rate limit was met on the way. */
  readonly isRateLimited: boolean;
  /** Whether a second attempt ran beside the first. */
  readonly isHedged: boolean;
  /** Instant of admission, ms since the epoch. */
  readonly startedMs: number;
  /** Instant of the first content, ms since the epoch; undefined before it. */
  readonly firstContentMs: number | undefined;
}

/** Knows who serves an answer. */
export interface Serves {
  served(): Served;
  /** Now, ms since the epoch. */
  nowMs(): number;
}

/** What a policy must know of a kind of work. */
export interface Kind<Request, Event> {
  /** Name in spans, metrics and logs, such as `chat`. */
  readonly operation: string;
  /** Whose default model stands in where none is named. */
  readonly purpose: ModelPurpose;
  /** The model the request names; empty for the default. */
  modelOf(request: Request): string;
  /** The provider the request insists on; empty for any. */
  providerOf(request: Request): string;
  /** A copy of the request that asks for another model. */
  withModel(request: Request, model: string): Request;
  /** A copy of the request whose chat request, if it has one of its own, is changed. */
  withChat(request: Request, change: (chat: ChatRequest) => ChatRequest): Request;
  /** The part of the request that a provider's field table speaks of, if any. */
  chatOf(request: Request): ChatRequest | undefined;
  /** What of a provider does this work; undefined when it cannot. */
  workOf(provider: Provider): Work<Request, Event> | undefined;
  /** The event as the caller gets it: with what only the route knows, where it has a place for that. `by` is asked for those events alone. */
  served(event: Event, by: Serves): Event;
  /** Where the usage stands, if this event has it. */
  usageOf(event: Event): Usage | undefined;
  /** Where the time went, if this event tells. */
  timingsOf(event: Event): Timings | undefined;
  /** Why a choice ended, if this event tells: `stop`, `length`, ... */
  finishOf(event: Event): string | undefined;
  /** Whether the event is content: the caller has something to read from here on. */
  isContent(event: Event): boolean;
  /** Whether the event comes before the answer: another target may still be asked after it. */
  isProgress(event: Event): boolean;
  /** UTF-16 code units that a model wrote and this event tells, for estimates. */
  charactersOf(event: Event): number;
}

/** A policy for any kind of work: wraps work in more work. What else it must know stands in the context. */
export type Layer = <Request, Event>(next: Work<Request, Event>, kind: Kind<Request, Event>) => Work<Request, Event>;

/** A policy of chat alone. */
export type ChatLayer = (next: Generate) => Generate;

/** Wraps `inner` in the layers; the first listed is the outermost. */
export function compose<Request, Event>(
  layers: readonly Layer[],
  inner: Work<Request, Event>,
  kind: Kind<Request, Event>,
): Work<Request, Event> {
  return layers.reduceRight((next, layer) => layer(next, kind), inner);
}
