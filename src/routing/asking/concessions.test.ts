import { create } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { ChatRequestSchema, type ChatEvent, type ChatRequest } from "../../../gen/parley/v1/chat_pb.ts";
import { SamplingSchema } from "../../../gen/parley/v1/sampling_pb.ts";
import { collect } from "../../core/collect.ts";
import type { CallContext } from "../../core/context.ts";
import type { Concession } from "../../core/concessions.ts";
import { refused } from "../../core/fields.ts";
import { fillOf } from "../../core/fill.ts";
import { chatKind } from "../../core/kinds.ts";
import { reasonOf } from "../../core/reasons.ts";
import { testContext } from "../../testing/call-context.ts";
import { routed, type Scripted } from "../../testing/routed.ts";
import { userRequest } from "../../testing/sample-request.ts";
import { whileTimePasses } from "../../testing/scripted-target.ts";

const withoutLogprobs: Concession = {
  field: "top_logprobs",
  instead(request) {
    const { topLogprobs, ...rest } = request;
    return topLogprobs === undefined ? request : rest;
  },
};
const refusing = { fails: "unsupported_field" as const, says: { fields: [{ field: "top_logprobs", description: "is not told" }] } };

/** Asks for logprobs, and what of it each target was asked for. */
async function asking(scripted: readonly Scripted[], concessions: readonly Concession[] | undefined) {
  const route = routed(scripted);
  const request = userRequest("hi", { model: "alias", topLogprobs: 0 });
  const context: CallContext = { ...testContext(request, { startedMs: route.clock.now() }), concessions };
  const read = async (): Promise<readonly ChatEvent[]> => {
    const events: ChatEvent[] = [];
    for await (const event of route.routing.route(chatKind)(request, context)) events.push(event);
    return events;
  };
  const outcome = await whileTimePasses(
    route.clock,
    read().then(
      () => "ok" as const,
      (error: unknown) => reasonOf(error),
    ),
  );
  return {
    outcome,
    asked: route.score.attempts.map(({ target, request: { topLogprobs } }) => [target, topLogprobs]),
    told: request.topLogprobs,
  };
}

const byTable = { fields: { top_logprobs: refused("none are told") } };

it("a target that refuses by its table what can be done without is asked without, and the request stays as it was", async () => {
  const one: Scripted = { name: "a", plays: ["ok"], target: byTable };
  expect(await asking([one], [withoutLogprobs])).toEqual({ outcome: "ok", asked: [["a", undefined]], told: 0 });
  expect(await asking([one], undefined)).toEqual({ outcome: "unsupported_field", asked: [], told: 0 });
});

it("a target that refuses it when it is asked is asked again at once, and no other in its place", async () => {
  const two: Scripted[] = [
    { name: "a", plays: [refusing, "ok"] },
    { name: "b", plays: ["ok"] },
  ];
  expect((await asking(two, [withoutLogprobs])).asked).toEqual([
    ["a", 0],
    ["a", undefined],
  ]);
  expect((await asking(two, undefined)).asked).toEqual([
    ["a", 0],
    ["b", 0],
  ]);
});

it("a target that refuses what it is not asked for is asked once more and no further", async () => {
  const { outcome, asked } = await asking([{ name: "a", plays: [refusing] }], [withoutLogprobs]);
  expect([outcome, asked.length]).toEqual(["unsupported_field", 2]);
});

it("a target that refuses more than can be done without is not asked", async () => {
  const fields = { ...byTable.fields, messages: refused("no conversations") };
  expect((await asking([{ name: "a", plays: ["ok"], target: { fields } }], [withoutLogprobs])).outcome).toBe("unsupported_field");
});

const cold: Partial<Scripted> = { target: { fields: { "sampling.temperature": refused("it has one") } } };
const filling = fillOf(create(ChatRequestSchema, { maxTokens: 9, sampling: { temperature: 0.2 } }));

/** What targets are asked for that the operator's defaults are filled in for. */
async function defaulted(scripted: Scripted, said: Pick<ChatRequest, "sampling"> | object = {}) {
  const route = routed([{ ...scripted, fill: filling }]);
  const request = userRequest("hi", { model: "alias", ...said });
  const context = testContext(request, { startedMs: route.clock.now() });
  const read = async () => collect(route.routing.route(chatKind)(request, context));
  const outcome = await whileTimePasses(
    route.clock,
    read().then(
      () => "ok" as const,
      (error: unknown) => reasonOf(error),
    ),
  );
  return { outcome, asked: route.score.attempts.map(({ request: { maxTokens, sampling } }) => [maxTokens, sampling?.temperature]) };
}

it("what the operator's defaults say is left out where a target refuses it, and what the caller says is not", async () => {
  expect(await defaulted({ name: "a", plays: ["ok"], ...cold })).toEqual({ outcome: "ok", asked: [[9, undefined]] });
  const sampling = create(SamplingSchema, { temperature: 1 });
  expect(await defaulted({ name: "a", plays: ["ok"], ...cold }, { sampling })).toEqual({ outcome: "unsupported_field", asked: [] });
});

it("what a target refuses of them when it is asked is left out then, once", async () => {
  const temperature = { fails: "invalid_request" as const, says: { fields: [{ field: "sampling.temperature", description: "is 1" }] } };
  const asked = [
    [9, 0.2],
    [9, undefined],
  ];
  expect(await defaulted({ name: "a", plays: [temperature, "ok"] })).toEqual({ outcome: "ok", asked });
  expect(await defaulted({ name: "a", plays: [temperature, temperature, "ok"] })).toEqual({ outcome: "invalid_request", asked });
});
