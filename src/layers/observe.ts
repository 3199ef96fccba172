import type { ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import { UsageSource, type Usage } from "../../gen/parley/v1/usage_pb.ts";
import type { CallContext } from "../core/context.ts";
import type { Clock, Log } from "../core/ports.ts";
import { estimatedPromptTokens } from "../core/estimate.ts";
import type { ChargeOf } from "../core/prices.ts";
import { asFault, reasonOf, reasons } from "../core/reasons.ts";
import { outcomeError } from "../core/signals.ts";
import { Stage, type Outcome } from "../core/stages.ts";
import type { Kind, Layer, Work } from "../core/work.ts";
import type { Metrics } from "../telemetry/metrics.ts";

/** What observing needs. */
export interface ObserveOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** What the caller is charged; undefined: no prices are known. */
  readonly chargeOf?: ChargeOf | undefined;
}

/** Counts each call and writes its one log line when it has ended, however it ended: latency, tokens, request id, never the prompt. */
export function observe(options: ObserveOptions): Layer {
  return function observeLayer(next, kind) {
    const watching = { options, next, kind };
    return function observed(request, context) {
      return new Observed(watching, request, context);
    };
  };
}

interface Watching<Request, Event> {
  readonly options: ObserveOptions;
  readonly next: Work<Request, Event>;
  readonly kind: Kind<Request, Event>;
}

class Observed<Request, Event> extends Stage<Event> {
  readonly #watching: Watching<Request, Event>;
  readonly #request: Request;
  readonly #context: CallContext;
  #isRead = false;
  #firstTokenMs: number | undefined;
  #usage: Usage | undefined;
  #pieces = 0;

  constructor(watching: Watching<Request, Event>, request: Request, context: CallContext) {
    super();
    this.#watching = watching;
    this.#request = request;
    this.#context = context;
  }

  override begin(): void {
    if (this.#isRead) throw new TypeError("a call can be read only once");
    this.#isRead = true;
  }

  override open(): AsyncIterable<Event> {
    return this.#watching.next(this.#request, this.#context);
  }

  override pass(event: Event): Event {
    const { kind, options } = this.#watching;
    if (kind.isContent(event)) {
      this.#firstTokenMs ??= options.clock.now() - this.#context.startedMs;
      if (kind.finishOf(event) === undefined) this.#pieces++;
    }
    this.#usage = kind.usageOf(event) ?? this.#usage;
    return event;
  }

  override end(outcome: Outcome): void {
    const { clock, metrics, log } = this.#watching.options;
    const context = this.#context;
    const error = outcomeError(outcome, context.signal);
    const durationMs = clock.now() - context.startedMs;
    const status = error === undefined ? "ok" : reasonOf(error);
    const { target, upstreamMs: inferenceMs } = context.record;
    const usage = this.#usage ?? (this.#pieces > 0 ? partial(this.#pieces) : undefined);
    const cost = usage && this.#costOf(usage);
    const firstTokenMs = this.#firstTokenMs;
    metrics.ended({ target, status, durationMs, firstTokenMs, inferenceMs, usage, cost });
    writeLine(log, context, { status, error, durationMs, firstTokenMs, usage, cost });
  }

  /** What the caller is charged: nothing by the operator, where the key was the caller's own. */
  #costOf(usage: Usage): number | undefined {
    const { options, kind } = this.#watching;
    const { record, requests, upstreamKey } = this.#context;
    if (upstreamKey !== undefined || record.target === undefined) return undefined;
    return options.chargeOf?.(record.target, withPrompt(usage, requests ?? [kind.chatOf(this.#request)]));
  }
}

/** What is known of a call that was cut off: at least a token for each piece that was told. */
function partial(pieces: number): Usage {
  return { $typeName: "parley.v1.Usage", promptTokens: 0, completionTokens: pieces, source: UsageSource.PARTIAL };
}

/** The tokens a caller is charged for: of a call that was cut off nobody has counted the prompt. */
function withPrompt(usage: Usage, chats: readonly (ChatRequest | undefined)[]): Usage {
  if (usage.source !== UsageSource.PARTIAL) return usage;
  return { ...usage, promptTokens: chats.reduce((sum, chat) => sum + (chat === undefined ? 0 : estimatedPromptTokens(chat)), 0) };
}

interface LineFacts {
  readonly status: string;
  readonly error: unknown;
  readonly durationMs: number;
  readonly firstTokenMs: number | undefined;
  readonly usage: Usage | undefined;
  readonly cost: number | undefined;
}

function writeLine(log: Log, context: CallContext, { status, error, durationMs, firstTokenMs, usage, cost }: LineFacts): void {
  context.record.isLogged = true;
  const { caller, record } = context;
  const { target } = record;
  const hasKey = caller.keyId !== "";
  const isPartial = usage?.source === UsageSource.PARTIAL;
  // One literal, whose absent facts are not written: to put it together of pieces takes as long as to write it.
  const facts = {
    requestId: context.requestId,
    procedure: context.procedure,
    protocol: context.protocol,
    operation: context.operation,
    model: context.model.slice(0, 256),
    provider: target?.provider,
    servedModel: target?.model,
    tenant: hasKey ? caller.tenant : undefined,
    keyId: hasKey ? caller.keyId : undefined,
    traceId: traceOf(context),
    status,
    durationMs: round(durationMs),
    firstTokenMs: firstTokenMs === undefined ? undefined : round(firstTokenMs),
    // A call that was cut off has told how much it wrote at least, and not how much it read.
    promptTokens: isPartial ? undefined : usage?.promptTokens,
    completionTokens: usage?.completionTokens,
    cachedTokens: isPartial ? undefined : usage?.cachedTokens,
    usage: isPartial ? "partial" : record.isEstimated ? "estimated" : undefined,
    cost,
  };
  if (error === undefined) return log.info("call", facts);
  const { fault } = reasons[reasonOf(error)];
  if (fault === "caller" || fault === "policy") return log.info("call", facts);
  if (fault === "provider") return log.warn("call", { ...facts, error: asFault(error) });
  log.error("call", { ...facts, error: asFault(error) });
}

function traceOf({ span }: CallContext): string | undefined {
  return span.isRecording() ? span.spanContext().traceId : undefined;
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
