import { ConnectError } from "@connectrpc/connect";
import type { ChatEvent, ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import type { Call } from "../core/context.ts";
import type { Provider } from "../core/ports.ts";
import { testContext } from "./call-context.ts";

/** Name of an event's kind. */
export type EventCase = NonNullable<ChatEvent["event"]["case"]>;

/** All events of a stream. */
export async function eventsOf<Event>(stream: AsyncIterable<Event>): Promise<Event[]> {
  const events: Event[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

/** All events of a provider's answer. */
export function answerOf(provider: Provider, request: ChatRequest, call: Partial<Call> = {}): Promise<ChatEvent[]> {
  return eventsOf(provider.generate(request, testContext(request, call)));
}

/** The kinds of events, in order, each run of the same kind once. */
export function outlineOf(events: readonly ChatEvent[]): EventCase[] {
  const cases = events.flatMap(({ event }) => (event.case === undefined ? [] : [event.case]));
  return cases.filter((name, index) => name !== cases[index - 1]);
}

/** The text of a choice. */
export function textOf(events: readonly ChatEvent[], choice = 0): string {
  return events.map(({ event }) => (event.case === "text" && event.value.choice === choice ? event.value.text : "")).join("");
}

/** What an event of a kind says. */
export type EventValue<Case extends EventCase> = Extract<ChatEvent["event"], { case: Case }>["value"];

/** What all events of a kind say. */
export function valuesOf<Case extends EventCase>(events: readonly ChatEvent[], name: Case): EventValue<Case>[] {
  return events.flatMap(({ event }) => (event.case === name ? [event.value as EventValue<Case>] : []));
}

/** The error with which work fails; throws when it does not, or with an error of another kind. */
export async function failureOf(work: Promise<unknown>): Promise<ConnectError>;
export async function failureOf<Kind extends Error>(work: Promise<unknown>, kind: ErrorClass<Kind>): Promise<Kind>;
export async function failureOf(work: Promise<unknown>, kind: ErrorClass<Error> = ConnectError): Promise<Error> {
  const outcome = await work.then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  if (outcome === undefined) throw new Error("it ended without an error");
  if (outcome.error instanceof kind) return outcome.error;
  throw outcome.error;
}

type ErrorClass<Kind extends Error> = abstract new (...args: never[]) => Kind;

/** What an iterator still brings. */
export function restOf<Event>(iterator: AsyncIterator<Event>): Promise<Event[]> {
  return eventsOf({ [Symbol.asyncIterator]: () => iterator });
}

/** A provider's answer of which the first event has come. */
export async function begunAnswer(provider: Provider, request: ChatRequest, call: Partial<Call> = {}): Promise<AsyncIterator<ChatEvent>> {
  const iterator = iterate(provider.generate(request, testContext(request, call)));
  await iterator.next();
  return iterator;
}

/** The iterator of a stream, for tests that take single steps. */
export function iterate(events: AsyncIterable<ChatEvent>): AsyncIterator<ChatEvent> {
  return events[Symbol.asyncIterator]();
}
