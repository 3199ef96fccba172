import { SpanKind, type Attributes, type Span } from "@opentelemetry/api";
import type { ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import type { Timings, Usage } from "../../gen/parley/v1/usage_pb.ts";
import type { CallContext } from "../core/context.ts";
import type { Clock } from "../core/ports.ts";
import { reasonOf } from "../core/reasons.ts";
import { outcomeError } from "../core/signals.ts";
import { Stage, type Outcome } from "../core/stages.ts";
import type { Kind, Layer, Work } from "../core/work.ts";
import { childSpan, endSpan, isTraced, noSpan } from "../telemetry/tracing.ts";

/** What an attempt's span needs. */
export interface AttemptSpanOptions {
  readonly clock: Clock;
  readonly provider: string;
  /** The model's name there. */
  readonly model: string;
  /** Whether the model runs on this machine: then the span is INTERNAL rather than CLIENT. */
  readonly isLocal: boolean;
}

// Names of the GenAI semantic conventions after v1.42 (repository semantic-conventions-genai): the published package lacks the newest.
const operationName = "gen_ai.operation.name";
const exceptionEvent = "gen_ai.client.operation.exception";

/** Opens a GenAI span per attempt, with the queue, prefill and generation that the provider reports as spans below it. Never holds content. */
export function attemptSpan(options: AttemptSpanOptions): Layer {
  return function attemptSpanLayer(next, kind) {
    const attempt = { options, next, kind };
    return function traced(request, context) {
      return new Traced(attempt, request, context);
    };
  };
}

interface TracedWork<Request, Event> {
  readonly options: AttemptSpanOptions;
  readonly next: Work<Request, Event>;
  readonly kind: Kind<Request, Event>;
}

class Traced<Request, Event> extends Stage<Event> {
  readonly #work: TracedWork<Request, Event>;
  readonly #request: Request;
  readonly #context: CallContext;
  #startMs = 0;
  #span = noSpan;
  /** Undefined where nobody listens. */
  #summary: Summary<Event> | undefined;

  constructor(work: TracedWork<Request, Event>, request: Request, context: CallContext) {
    super();
    this.#work = work;
    this.#request = request;
    this.#context = context;
  }

  override begin(): void {
    const { options, kind } = this.#work;
    this.#startMs = options.clock.now();
    if (!isTraced()) return;
    this.#span = attemptSpanOf(this.#context.span, kind.operation, { ...options, startMs: this.#startMs });
    if (!this.#span.isRecording()) return;
    this.#span.setAttributes(requestAttributes(kind.chatOf(this.#request)));
    this.#summary = summarize(kind, this.#span, options.clock);
  }

  override open(): AsyncIterable<Event> {
    const context = this.#context;
    return this.#work.next(this.#request, this.#span === context.span ? context : { ...context, span: this.#span });
  }

  override pass(event: Event): Event {
    this.#summary?.see(event);
    return event;
  }

  override end(outcome: Outcome): void {
    const { record, signal } = this.#context;
    const endMs = this.#work.options.clock.now();
    record.upstreamMs = (record.upstreamMs ?? 0) + endMs - this.#startMs;
    if (this.#span === noSpan) return;
    this.#summary?.write({ startMs: this.#startMs, endMs });
    const error = outcomeError(outcome, signal);
    if (error !== undefined) this.#span.addEvent(exceptionEvent, { "exception.type": reasonOf(error) });
    endSpan(this.#span, error, endMs);
  }
}

function attemptSpanOf(
  parent: Span,
  operation: string,
  { provider, model, isLocal, startMs }: AttemptSpanOptions & { readonly startMs: number },
): Span {
  return childSpan(parent, `${operation} ${model}`, {
    kind: isLocal ? SpanKind.INTERNAL : SpanKind.CLIENT,
    startTime: startMs,
    attributes: { [operationName]: operation, "gen_ai.provider.name": provider, "gen_ai.request.model": model },
  });
}

function requestAttributes(chat: ChatRequest | undefined): Attributes {
  const sampling = chat?.sampling;
  return defined({
    "gen_ai.request.max_tokens": chat?.maxTokens,
    "gen_ai.request.choice.count": chat?.choices,
    "gen_ai.request.temperature": sampling?.temperature,
    "gen_ai.request.top_p": sampling?.topP,
    "gen_ai.request.top_k": sampling?.topK,
    "gen_ai.request.presence_penalty": sampling?.presencePenalty,
    "gen_ai.request.frequency_penalty": sampling?.frequencyPenalty,
    "gen_ai.request.seed": sampling?.seed === undefined ? undefined : Number(sampling.seed),
  });
}

interface Period {
  readonly startMs: number;
  readonly endMs: number;
}

interface Summary<Event> {
  see(event: Event): void;
  write(period: Period): void;
}

type Told<Event> = Pick<Kind<never, Event>, "isContent" | "finishOf" | "usageOf" | "timingsOf">;

/** Gathers from the events what the span says at its end. */
function summarize<Event>(kind: Told<Event>, span: Span, clock: Clock): Summary<Event> {
  let firstContentMs: number | undefined;
  let usage: Usage | undefined;
  let timings: Timings | undefined;
  const finishReasons: string[] = [];
  return {
    see(event: Event): void {
      if (firstContentMs === undefined && kind.isContent(event)) firstContentMs = clock.now();
      const finish = kind.finishOf(event);
      if (finish !== undefined) finishReasons.push(finish);
      usage = kind.usageOf(event) ?? usage;
      timings = kind.timingsOf(event) ?? timings;
    },
    write(period: Period): void {
      if (firstContentMs !== undefined) span.setAttribute("gen_ai.response.time_to_first_chunk", (firstContentMs - period.startMs) / 1000);
      if (finishReasons.length > 0) span.setAttribute("gen_ai.response.finish_reasons", finishReasons);
      span.setAttributes(usageAttributes(usage));
      phases(span, timings, period);
    },
  };
}

function usageAttributes(usage: Usage | undefined): Attributes {
  if (usage === undefined) return {};
  return defined({
    "gen_ai.usage.input_tokens": usage.promptTokens,
    "gen_ai.usage.output_tokens": usage.completionTokens,
    "gen_ai.usage.cache_read.input_tokens": usage.cachedTokens,
    "gen_ai.usage.cache_write.input_tokens": usage.cacheWriteTokens,
    "gen_ai.usage.reasoning.output_tokens": usage.reasoningTokens,
  });
}

/** Spans for the phases that the provider told at the end, laid out backwards from it: queue, then prefill, then generation. */
function phases(parent: Span, timings: Timings | undefined, { startMs, endMs }: Period): void {
  const { queueMs, promptMs, generationMs } = timings ?? {};
  let at = Math.max(startMs, endMs - (queueMs ?? 0) - (promptMs ?? 0) - (generationMs ?? 0));
  for (const [name, ms] of [
    ["queue", queueMs],
    ["prefill", promptMs],
    ["generation", generationMs],
  ] as const) {
    if (ms === undefined) continue;
    const span = childSpan(parent, name, { startTime: at });
    at = Math.min(at + ms, endMs);
    span.end(at);
  }
}

function defined(attributes: Readonly<Record<string, string | number | undefined>>): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined)) as Attributes;
}
