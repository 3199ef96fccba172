import type { ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import { UsageSource, type Usage } from "../../gen/parley/v1/usage_pb.ts";
import type { CallContext } from "../core/context.ts";
import type { Clock, Log } from "../core/ports.ts";
import { estimatedPromptTokens } from "../core/estimate.ts";
import type { ChargeOf } from "../core/prices.ts";
import { asFault, reasonOf, reasons } from "../core/reasons.ts";
import { outcomeError } from "../core/signals.ts";
import { observe as watchStream } from "../core/stream.ts";
import type { Layer } from "../core/work.ts";
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
export function observe({ clock, log, metrics, chargeOf }: ObserveOptions): Layer {
  return function observeLayer(next, kind) {
    return function observed(request, context) {
      let firstTokenMs: number | undefined;
      let usage: Usage | undefined;
      let pieces = 0;
      const end = (error: unknown) => {
        const durationMs = clock.now() - context.startedMs;
        const status = error === undefined ? "ok" : reasonOf(error);
        const { target, upstreamMs: inferenceMs } = context.record;
        if (usage === undefined && pieces > 0) usage = partial(pieces);
        const isOperators = context.upstreamKey === undefined;
        const cost =
          isOperators && target && usage ? chargeOf?.(target, withPrompt(usage, context.requests ?? [kind.chatOf(request)])) : undefined;
        metrics.ended({ target, status, durationMs, firstTokenMs, inferenceMs, usage, cost });
        writeLine(log, context, { status, error, durationMs, firstTokenMs, usage, cost });
      };
      return watchStream(() => next(request, context), {
        event(event) {
          if (kind.isContent(event)) {
            firstTokenMs ??= clock.now() - context.startedMs;
            if (kind.finishOf(event) === undefined) pieces++;
          }
          usage = kind.usageOf(event) ?? usage;
        },
        end: (outcome) => end(outcomeError(outcome, context.signal)),
      });
    };
  };
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
