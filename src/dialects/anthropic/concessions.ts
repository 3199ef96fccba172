import { create } from "@bufbuild/protobuf";
import type { ChatRequest } from "../../../gen/parley/v1/chat_pb.ts";
import { ReasoningEffort, ReasoningSchema } from "../../../gen/parley/v1/messages_pb.ts";
import type { Concession } from "../../core/concessions.ts";

/** Efforts by the tokens of thinking that they stand for at most; above the last it is high. */
const efforts: readonly (readonly [mostTokens: number, effort: ReasoningEffort])[] = [
  [4096, ReasoningEffort.LOW],
  [16_384, ReasoningEffort.MEDIUM],
];

/** What leads to thinking alone: how hard, in the words that other models know. */
function effortInstead(request: ChatRequest): ChatRequest {
  const { budgetTokens, effort = ReasoningEffort.UNSPECIFIED } = request.reasoning ?? {};
  if (budgetTokens === undefined) return request;
  const likened = efforts.find(([mostTokens]) => budgetTokens <= mostTokens)?.[1] ?? ReasoningEffort.HIGH;
  return { ...request, reasoning: create(ReasoningSchema, { effort: effort === ReasoningEffort.UNSPECIFIED ? likened : effort }) };
}

function withoutReasoning(request: ChatRequest): ChatRequest {
  if (request.reasoning === undefined) return request;
  const { reasoning: _, ...rest } = request;
  return rest;
}

/**
 * Anthropic's clients say with every request how to think, whatever the model. One that knows no budget is told an effort, and one that cannot be told to think answers as it does:
 * its answer has no thinking in it, which says so.
 */
export const thinkingConcessions: readonly Concession[] = [
  { field: "reasoning.budget_tokens", instead: effortInstead },
  { field: "reasoning.effort", instead: withoutReasoning },
  { field: "reasoning", instead: withoutReasoning },
];
