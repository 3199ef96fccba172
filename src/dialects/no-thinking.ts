import { ReasoningEffort } from "../../gen/parley/v1/messages_pb.ts";
import type { ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import type { Concession } from "../core/concessions.ts";

/** The request without the wish for no thinking. */
function untold(request: ChatRequest): ChatRequest {
  const { reasoning, ...rest } = request;
  if (reasoning?.effort !== ReasoningEffort.NONE) return request;
  if (reasoning.budgetTokens === undefined) return rest;
  return { ...rest, reasoning: { ...reasoning, effort: ReasoningEffort.UNSPECIFIED } };
}

const concessions: readonly Concession[] = [
  { field: "reasoning.effort", instead: untold },
  { field: "reasoning", instead: untold },
];

/**
 * What a chat that wants no thinking can do without: most models do not think, and an upstream that refuses to hear of it has one of those. Clients say so with every
 * request, whatever the model. Nothing for chats that do not want it.
 */
export function noThinkingConcessions({ reasoning }: ChatRequest): readonly Concession[] {
  return reasoning?.effort === ReasoningEffort.NONE ? concessions : [];
}
