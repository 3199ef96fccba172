import type { ConnectError } from "@connectrpc/connect";
import { FinishReason, type ChatEvent, type ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import { UsageSource } from "../../gen/parley/v1/usage_pb.ts";
import { chatKind } from "../core/kinds.ts";
import { completed, finished, started, text } from "../core/events.ts";
import { fault } from "../core/reasons.ts";
import { plainStop } from "../core/stops.ts";
import type { Destination, Stop } from "../core/targets.ts";
import type { Generate, Served } from "../core/work.ts";
import type { Run } from "../routing/run.ts";
import { rescued } from "../routing/rescue/rescue.ts";
import type { RescueOutcome } from "../routing/rescue/attempts.ts";
import type { Call } from "../core/context.ts";
import { testContext } from "./call-context.ts";
import { textOf, valuesOf } from "./collect-events.ts";
import { fakeClock } from "./fake-clock.ts";
import { recordingLog } from "./recording-log.ts";
import { userRequest } from "./sample-request.ts";
import { plainTarget } from "./plain-target.ts";

/** A stop whose model is played by a test, and what it was asked. */
export interface PlayedStop {
  readonly stop: Stop;
  readonly asked: ChatRequest[];
}

/** Makes a stop whose model is `work`. */
export function playedStop(name: string, work: Generate, given: { readonly canContinue?: boolean } & Partial<Stop> = {}): PlayedStop {
  const { canContinue = false, ...more } = given;
  const asked: ChatRequest[] = [];
  const noted: Generate = (request, context) => (asked.push(request), work(request, context));
  const target = plainTarget({ provider: name, model: `${name}-model`, canContinue, workOf: () => noted as never });
  return { asked, stop: plainStop(target, more) };
}

/** A destination with these stops, whose answers are gone on with. */
export function rescuing(stops: readonly PlayedStop[], attempts = 2): Destination {
  return { name: "asked", stops: stops.map(({ stop }) => stop), rescue: { attempts } };
}

/** Routing at its simplest: the stops in their order until one gives an event. */
export const plainRun: Run<ChatRequest, ChatEvent> = async function* (request, context, { destination, accepts, onServing }) {
  let last: unknown = fault("unimplemented", "no stop is accepted");
  for (const stop of destination.stops.filter((each) => accepts?.(each) ?? true)) {
    context.record.attempts++;
    const { provider, model } = stop.target;
    context.record.target = stop.target;
    const served = (): Served => ({
      ...{ name: destination.name, provider, model, attempt: context.record.attempts, attempts: context.record.attempts },
      ...{ retries: 0, isFallback: stop !== destination.stops[0], isRateLimited: false, isHedged: false },
      ...{ startedMs: context.startedMs, firstContentMs: context.startedMs + 90 },
    });
    let hasBegun = false;
    try {
      for await (const event of stop.target.workOf(chatKind)!(request, context)) {
        if (!hasBegun) onServing?.(stop);
        hasBegun = true;
        yield chatKind.served(event, { served, nowMs: () => context.startedMs + 100 });
      }
      return;
    } catch (error) {
      if (hasBegun) throw error;
      last = error;
    }
  }
  throw last;
};

/** A text in pieces of so many UTF-16 code units, within surrogate pairs too. */
export function piecesOf(words: string, size: number): string[] {
  return Array.from({ length: Math.ceil(words.length / size) }, (_, index) => words.slice(index * size, (index + 1) * size));
}

/** A model that says these pieces and ends well; `promptTokens` and a token a piece are what it took. */
export function saying(pieces: (request: ChatRequest) => readonly string[], promptTokens = 10): Generate {
  return async function* (request) {
    const words = pieces(request);
    const usage = { $typeName: "parley.v1.Usage" as const, promptTokens, completionTokens: words.length, source: UsageSource.PROVIDER };
    yield started("", "");
    for (const each of words) yield text(0, each);
    yield finished(0, FinishReason.STOP);
    yield completed({ usage });
  };
}

/** A model that says these pieces and then fails. */
export function breaking(
  pieces: readonly string[],
  error: ConnectError = fault("provider_unavailable", "the connection was reset"),
): Generate {
  return async function* () {
    yield started("", "");
    for (const each of pieces) yield text(0, each);
    throw error;
  };
}

/** The text that a request asks to go on from; undefined where it asks for none. */
export function prefixOf({ continueFinalMessage, messages }: ChatRequest): string | undefined {
  const part = messages.at(-1)?.parts.at(-1)?.part;
  return continueFinalMessage && part?.case === "text" ? part.value.text : undefined;
}

/** What a model that would say `whole` goes on with. Throws where the request's text is no beginning of that, or ends with white space, as Anthropic does. */
export function restOf(whole: string, request: ChatRequest): string {
  const prefix = prefixOf(request);
  if (prefix === undefined || !whole.startsWith(prefix) || /\s$/.test(prefix))
    throw new Error(`asked to go on from ${JSON.stringify(prefix)}`);
  return whole.slice(prefix.length);
}

/** What a client got, the error at the end too, and what was reported of it. */
export async function rescuedAnswer(
  destination: Destination,
  request: ChatRequest = userRequest("tell", { model: "asked" }),
  call: Partial<Call> = {},
) {
  const outcomes: RescueOutcome[] = [];
  const { log, lines } = recordingLog();
  const run = rescued(plainRun, { clock: fakeClock(), log, onRescue: (_, outcome) => outcomes.push(outcome) });
  const context = testContext(request, call);
  const events: ChatEvent[] = [];
  let error: ConnectError | undefined;
  try {
    for await (const event of run(request, context, { destination, isContinuation: false })) events.push(event);
  } catch (thrown) {
    error = thrown as ConnectError;
  }
  return { events, text: textOf(events), error, outcomes, lines, context, completed: valuesOf(events, "completed")[0] };
}
