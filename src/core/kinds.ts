import { FinishReason, type ChatEvent, type ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import type { Timings } from "../../gen/parley/v1/usage_pb.ts";
import { chatEvent } from "./events.ts";
import { servedBy } from "./served.ts";
import type { ChatLayer, Generate, Kind, Layer, Serves, Work } from "./work.ts";

/** Reasons as the GenAI conventions spell them. */
const finishNames: Readonly<Record<number, string>> = {
  [FinishReason.STOP]: "stop",
  [FinishReason.LENGTH]: "length",
  [FinishReason.TOOL_CALLS]: "tool_calls",
  [FinishReason.CONTENT_FILTER]: "content_filter",
};

/** Chat: ChatRequest in, ChatEvents out. */
export const chatKind: Kind<ChatRequest, ChatEvent> = {
  operation: "chat",
  purpose: "chat",
  modelOf: ({ model }) => model,
  providerOf: ({ provider }) => provider,
  withModel: (request, model) => (request.model === model ? request : { ...request, model }),
  withChat: (request, change) => change(request),
  chatOf: (request) => request,
  workOf: (provider) => provider.generate,
  served: servedChat,
  usageOf: ({ event }) => (event.case === "completed" ? event.value.usage : undefined),
  timingsOf: ({ event }) => (event.case === "completed" ? event.value.timings : undefined),
  finishOf: ({ event }) => (event.case === "finished" ? (finishNames[event.value.reason] ?? "other") : undefined),
  isContent: ({ event: { case: what } }) =>
    what === "text" || what === "reasoning" || what === "toolCall" || what === "refusal" || what === "finished",
  isProgress: ({ event }) => event.case === "progress",
  charactersOf,
};

function charactersOf({ event }: ChatEvent): number {
  if (event.case === "text" || event.case === "reasoning" || event.case === "refusal") return event.value.text.length;
  return event.case === "toolCall" ? event.value.name.length + event.value.arguments.length : 0;
}

/** A layer of chat alone, as one for any kind of work: other work passes it by. */
export function chatOnly(layer: ChatLayer): Layer {
  const wrapped: Layer = <Request, Event>(next: Work<Request, Event>, kind: Kind<Request, Event>) =>
    kind.operation === chatKind.operation ? (layer(next as unknown as Generate) as unknown as Work<Request, Event>) : next;
  return Object.defineProperty(wrapped, "name", { value: layer.name });
}

/** `started` says which attempt serves, `completed` who served and where the time went. */
function servedChat(chat: ChatEvent, by: Serves): ChatEvent {
  const { event } = chat;
  if (event.case === "started") {
    const { provider, model, attempt, isFallback, name: answerModel } = by.served();
    return chatEvent({ case: "started", value: { ...event.value, provider, model, attempt, isFallback, answerModel } });
  }
  if (event.case !== "completed") return chat;
  const served = by.served();
  const { startedMs, firstContentMs } = served;
  const timings: Timings = { ...event.value.timings, $typeName: "parley.v1.Timings", totalMs: Math.round(by.nowMs() - startedMs) };
  if (firstContentMs !== undefined) timings.firstTokenMs = Math.round(firstContentMs - startedMs);
  return chatEvent({ case: "completed", value: { ...event.value, servedBy: servedBy(served), timings } });
}
