import { ChatEventSchema, ChatRequestSchema, type ChatEvent, type ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import {
  CountTokensRequestSchema,
  CountTokensResponseSchema,
  type CountTokensRequest,
  type CountTokensResponse,
} from "../../gen/parley/v1/tokens_pb.ts";
import type { ChatLayer, Generate, Kind, Layer, Work } from "./work.ts";

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
  usageOf: () => undefined,
  isContent: () => true,
};

/** A layer of chat alone, as one for any kind of work: other work passes it by. */
export function chatOnly(layer: ChatLayer): Layer {
  const wrapped: Layer = <Request, Event>(next: Work<Request, Event>, kind: Kind<Request, Event>) =>
    kind.operation === chatKind.operation ? (layer(next as unknown as Generate) as unknown as Work<Request, Event>) : next;
  return Object.defineProperty(wrapped, "name", { value: layer.name });
}
