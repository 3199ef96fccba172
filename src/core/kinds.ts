import { ChatEventSchema, ChatRequestSchema, type ChatEvent, type ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import {
  CountTokensRequestSchema,
  CountTokensResponseSchema,
  type CountTokensRequest,
  type CountTokensResponse,
} from "../../gen/parley/v1/tokens_pb.ts";
import type { ServedBy, Timings } from "../../gen/parley/v1/usage_pb.ts";
import { chatEvent } from "./events.ts";
import type { Served, ChatLayer, Generate, Kind, Layer, Work } from "./work.ts";

const content = new Set(["text", "reasoning", "toolCall", "refusal", "finished"]);

/** Chat: ChatRequest in, ChatEvents out. */
export const chatKind: Kind<ChatRequest, ChatEvent> = {
  operation: "chat",
  request: ChatRequestSchema,
  event: ChatEventSchema,
  modelOf: ({ model }) => model,
  providerOf: ({ provider }) => provider,
  withModel: (request, model) => (request.model === model ? request : { ...request, model }),
  chatOf: (request) => request,
  workOf: (provider) => provider.generate,
  served: servedChat,
  usageOf: ({ event }) => (event.case === "completed" ? event.value.usage : undefined),
  isContent: ({ event }) => content.has(event.case ?? ""),
};

/** Counting the tokens of a prompt: one request in, one response out. */
export const countTokensKind: Kind<CountTokensRequest, CountTokensResponse> = {
  operation: "count_tokens",
  request: CountTokensRequestSchema,
  event: CountTokensResponseSchema,
  modelOf: ({ chat }) => chat?.model ?? "",
  providerOf: ({ chat }) => chat?.provider ?? "",
  withModel: (request, model) =>
    request.chat === undefined || request.chat.model === model ? request : { ...request, chat: { ...request.chat, model } },
  chatOf: ({ chat }) => chat,
  workOf: (provider) => provider.countTokens,
  served: (event, { name }) => ({ ...event, model: name }),
  usageOf: () => undefined,
  isContent: () => true,
};

/** A layer of chat alone, as one for any kind of work: other work passes it by. */
export function chatOnly(layer: ChatLayer): Layer {
  const wrapped: Layer = <Request, Event>(next: Work<Request, Event>, kind: Kind<Request, Event>) =>
    kind.operation === chatKind.operation ? (layer(next as unknown as Generate) as unknown as Work<Request, Event>) : next;
  return Object.defineProperty(wrapped, "name", { value: layer.name });
}

/** `started` says which attempt serves, `completed` who served and where the time went. */
function servedChat(chat: ChatEvent, served: Served): ChatEvent {
  const { event } = chat;
  if (event.case === "started") {
    const { provider, model, attempts: attempt, isFallback } = served;
    return chatEvent({ case: "started", value: { ...event.value, provider, model, attempt, isFallback } });
  }
  if (event.case !== "completed") return chat;
  const { provider, model, attempts, isFallback: fallback, startedMs, nowMs, firstContentMs } = served;
  const servedBy: ServedBy = {
    $typeName: "parley.v1.ServedBy",
    provider,
    model,
    attempts,
    fallback,
    retries: 0,
    cacheHit: false,
    rateLimited: false,
    hedged: false,
    splices: [],
  };
  const timings: Timings = { ...event.value.timings, $typeName: "parley.v1.Timings", totalMs: Math.round(nowMs - startedMs) };
  if (firstContentMs !== undefined) timings.firstTokenMs = Math.round(firstContentMs - startedMs);
  return chatEvent({ case: "completed", value: { ...event.value, servedBy, timings } });
}
