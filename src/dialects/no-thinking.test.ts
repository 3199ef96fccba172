import { create } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { ReasoningEffort, ReasoningSchema } from "../../gen/parley/v1/messages_pb.ts";
import { doingWithout } from "../core/concessions.ts";
import { chatKind } from "../core/kinds.ts";
import { userRequest } from "../testing/sample-request.ts";
import { noThinkingConcessions } from "./no-thinking.ts";

const wanting = (effort: ReasoningEffort, more: { budgetTokens?: number } = {}) =>
  userRequest("hi", { reasoning: create(ReasoningSchema, { effort, ...more }) });

const without = (request: ReturnType<typeof wanting>) =>
  doingWithout([{ field: "reasoning.effort" }], request, { kind: chatKind, own: request, offered: noThinkingConcessions(request) });

it("a chat that wants no thinking is asked of an upstream that knows none as if it said nothing", () => {
  const request = wanting(ReasoningEffort.NONE);
  expect(without(request)).toMatchObject({ messages: request.messages });
  expect(without(request)).not.toHaveProperty("reasoning");
  expect(without(wanting(ReasoningEffort.NONE, { budgetTokens: 5 }))).toMatchObject({
    reasoning: { effort: ReasoningEffort.UNSPECIFIED, budgetTokens: 5 },
  });
});

it("a chat that wants thinking is not", () => {
  expect(without(wanting(ReasoningEffort.LOW))).toBeUndefined();
});
