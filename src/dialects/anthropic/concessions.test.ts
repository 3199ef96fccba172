import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ChatRequestSchema, type ChatRequest } from "../../../gen/parley/v1/chat_pb.ts";
import { ReasoningEffort } from "../../../gen/parley/v1/messages_pb.ts";
import { thinkingConcessions } from "./concessions.ts";

const conceded = (field: string, reasoning: object | undefined): ChatRequest | undefined => {
  const request = create(ChatRequestSchema, { model: "m", ...(reasoning !== undefined && { reasoning }) });
  return thinkingConcessions.find((each) => each.field === field)?.instead(request);
};

describe("thinking, where a model cannot be told of it in Anthropic's words,", () => {
  it.each([
    [1024, ReasoningEffort.LOW],
    [4096, ReasoningEffort.LOW],
    [10_000, ReasoningEffort.MEDIUM],
    [31_999, ReasoningEffort.HIGH],
  ])("of %i tokens becomes an effort", (budgetTokens, effort) => {
    const { reasoning } = conceded("reasoning.budget_tokens", { budgetTokens }) ?? {};
    expect([reasoning?.effort, reasoning?.budgetTokens]).toEqual([effort, undefined]);
  });

  it("keeps the effort that was asked for beside a budget", () => {
    const { reasoning } = conceded("reasoning.budget_tokens", { budgetTokens: 1024, effort: ReasoningEffort.MAX }) ?? {};
    expect(reasoning?.effort).toBe(ReasoningEffort.MAX);
  });

  it("is left out where there is nothing to tell", () => {
    expect(conceded("reasoning.effort", { effort: ReasoningEffort.HIGH })?.reasoning).toBeUndefined();
  });

  it.each(thinkingConcessions.map(({ field }) => field))("changes nothing of a request that says nothing of it: %s", (field) => {
    const request = create(ChatRequestSchema, { model: "m" });
    expect(thinkingConcessions.find((each) => each.field === field)?.instead(request)).toBe(request);
  });
});
