import type { ChatResponse } from "../../../gen/parley/v1/chat_pb.ts";
import { answerText } from "./answer-text.ts";
import { usageToPrism } from "./prism.ts";
import type { InvokeAnswer } from "./wire/langchain.ts";

/** What is known of a call beside its answer. */
export interface InvokeFacts {
  readonly requestId: string;
  /** Instants, ms since the epoch. */
  readonly startedMs: number;
  readonly nowMs: number;
  /** Time at providers, ms, where it is known closer than the answer tells it. */
  readonly upstreamMs: number | undefined;
}

/** The answer of `POST /invoke`. */
export function chatResponseToInvoke(response: ChatResponse, { requestId, startedMs, nowMs, upstreamMs }: InvokeFacts): InvokeAnswer {
  const { model, usage, servedBy, timings } = response;
  const isCached = servedBy?.cacheHit ?? false;
  return {
    success: true,
    request_id: requestId,
    data: { response: answerText(response), confidence: confidenceOf(response) },
    usage: usage === undefined ? null : usageToPrism(usage),
    performance: {
      request_latency_ms: hundredths(nowMs - startedMs),
      llm_latency_ms: hundredthsOrNull(upstreamMs ?? timings?.upstreamMs),
      cache_hit: isCached,
      retry_count: servedBy?.retries ?? 0,
      rate_limited: servedBy?.rateLimited ?? false,
    },
    model,
    cached: isCached,
    timestamp: new Date(nowMs).toISOString(),
    error: null,
  };
}

/** How sure the model was, from 0 to 1: exp of the mean logprob of its tokens; null where no provider told any. */
function confidenceOf({ choices: [first] }: ChatResponse): number | null {
  const tokens = first?.logprobs ?? [];
  if (tokens.length === 0) return null;
  return Math.exp(tokens.reduce((sum, { logprob }) => sum + logprob, 0) / tokens.length);
}

function hundredths(ms: number): number {
  return Math.round(ms * 100) / 100;
}

function hundredthsOrNull(ms: number | undefined): number | null {
  return ms === undefined ? null : hundredths(ms);
}
