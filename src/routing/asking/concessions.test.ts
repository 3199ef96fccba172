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

/** What targets are asked for that the operator's defaults are filled in for; calls after the first come after one another, each so many ms after the one before. */
async function defaulted(scripted: Scripted, said: Pick<ChatRequest, "sampling"> | object = {}, pausesMs: readonly number[] = []) {
  const route = routed([{ ...scripted, fill: filling }]);
  const request = userRequest("hi", { model: "alias", ...said });
  const call = async () => {
    const context = testContext(request, { startedMs: route.clock.now() });
    const ended = (async () => collect(route.routing.route(chatKind)(request, context)))().then(
      () => "ok" as const,
      (error: unknown) => reasonOf(error),
    );
    return { outcome: await whileTimePasses(route.clock, ended), record: context.record };
  };
  const { outcome, record } = await call();
  for (const pauseMs of pausesMs) {
    route.clock.advance(pauseMs);
    await call();
  }
  return { outcome, record, asked: route.score.attempts.map(({ request: { maxTokens, sampling } }) => [maxTokens, sampling?.temperature]) };
}

it("what the operator's defaults say is left out where a target refuses it, and what the caller says is not", async () => {
  expect(await defaulted({ name: "a", plays: ["ok"], ...cold })).toMatchObject({ outcome: "ok", asked: [[9, undefined]] });
  const sampling = create(SamplingSchema, { temperature: 1 });
  expect(await defaulted({ name: "a", plays: ["ok"], ...cold }, { sampling })).toMatchObject({ outcome: "unsupported_field", asked: [] });
});

const temperature = { fails: "invalid_request" as const, says: { fields: [{ field: "sampling.temperature", description: "is 1" }] } };
const without = [9, undefined];

it("what a target refuses of them when it is asked is left out then, once", async () => {
  const asked = [[9, 0.2], without];
  expect(await defaulted({ name: "a", plays: [temperature, "ok"] })).toMatchObject({ outcome: "ok", asked });
  expect(await defaulted({ name: "a", plays: [temperature, temperature, "ok"] })).toMatchObject({ outcome: "invalid_request", asked });
});

it("an operator's cap is not left out: without it an answer may be of any length", async () => {
  const cap = { fails: "invalid_request" as const, says: { fields: [{ field: "max_tokens", description: "is unknown" }] } };
  expect(await defaulted({ name: "a", plays: [cap, "ok"] })).toMatchObject({ outcome: "invalid_request", asked: [[9, 0.2]] });
});

it("the calls of the next minutes are asked at once without what was refused, and those after them with it", async () => {
  const { asked } = await defaulted({ name: "a", plays: [temperature, "ok"] }, {}, [1000, 290_000, 10_000]);
  expect(asked).toEqual([[9, 0.2], without, without, without, [9, 0.2]]);
});

it("what was refused of the defaults is asked for nevertheless where the caller says it", async () => {
  const route = routed([{ name: "a", plays: [temperature, "ok"], fill: filling }]);
  await route.call();
  const request = userRequest("hi", { model: "alias", sampling: create(SamplingSchema, { temperature: 0.2 }) });
  await collect(route.routing.route(chatKind)(request, testContext(request, { startedMs: route.clock.now() })));
  expect(route.score.attempts.at(-1)?.request.sampling?.temperature).toBe(0.2);
});

it("asking for less repeats nothing: what fails then is asked again as ever, and that alone is a retry", async () => {
  const conceded = await defaulted({ name: "a", plays: [temperature, "ok"] });
  expect(conceded.record).toMatchObject({ attempts: 2, further: 0, retries: 0 });
  const failing = await defaulted({ name: "a", plays: [temperature, { fails: "provider_error" }, "ok"] });
  expect(failing).toMatchObject({ outcome: "ok", record: { attempts: 3, further: 1, retries: 1 } });
});
