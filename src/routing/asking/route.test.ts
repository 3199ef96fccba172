import { describe, expect, it } from "vitest";
import { create } from "@bufbuild/protobuf";
import { EmbedRequestSchema, EmbedResponseSchema, type EmbedRequest } from "../../../gen/parley/v1/embeddings_pb.ts";
import { CountTokensRequestSchema, CountTokensResponseSchema } from "../../../gen/parley/v1/tokens_pb.ts";
import type { ChatRequest } from "../../../gen/parley/v1/chat_pb.ts";
import { honoured, refused, type FieldTable } from "../../core/fields.ts";
import { chatKind } from "../../core/kinds.ts";
import { countTokensKind, embedKind } from "../../core/unary-kinds.ts";
import type { Target } from "../../core/targets.ts";
import { defaultLimits } from "../../core/limits.ts";
import { fault, fieldOf, reasonOf, type Reason } from "../../core/reasons.ts";
import { plainStop } from "../../core/stops.ts";
import { only } from "../../core/stream.ts";
import type { Kind, Work } from "../../core/work.ts";
import { answer } from "../../testing/answers.ts";
import { testContext } from "../../testing/call-context.ts";
import { eventsOf, valuesOf } from "../../testing/collect-events.ts";
import { fakeClock } from "../../testing/fake-clock.ts";
import { plainTarget } from "../../testing/plain-target.ts";
import { userRequest } from "../../testing/sample-request.ts";
import { testRouting } from "../../testing/test-routing.ts";

const everything: FieldTable = { messages: honoured, model: honoured, stop: honoured };

/** A target that says `ok` and notes what it was asked. */
const target = (provider: string, fields = everything) => {
  const asked: ChatRequest[] = [];
  const made = plainTarget({
    ...{ provider, model: `${provider}-model`, fields },
    workOf<Request, Event>(kind: Kind<Request, Event>) {
      if (kind.operation !== "chat") return undefined;
      const work = async function* (request: ChatRequest) {
        asked.push(request);
        yield* answer(["ok"]);
      };
      return work as unknown as Work<Request, Event>;
    },
  });
  return { target: made, asked };
};
const going = (targets: readonly Target[]) =>
  testRouting({ stops: targets.map((each, rank) => plainStop(each, { rank })) }, { clock: fakeClock() });
const refusal = (work: () => unknown): [Reason, string | undefined] => {
  try {
    work();
  } catch (error) {
    return [reasonOf(error), fieldOf(error as never)];
  }
  throw new Error("it was not refused");
};

describe("route", () => {
  it("asks the target by its own name of the model, without touching the request", async () => {
    const { target: only1, asked } = target("p");
    const request = userRequest("hi", { model: "alias" });
    await eventsOf(going([only1]).route(chatKind)(request, testContext(request)));
    expect(asked[0]?.model).toBe("p-model");
    expect(request.model).toBe("alias");
  });

  it("says who served, in started and in completed", async () => {
    const request = userRequest("hi", { model: "alias" });
    const context = testContext(request);
    const events = await eventsOf(going([target("p").target]).route(chatKind)(request, context));
    expect(valuesOf(events, "started")[0]).toMatchObject({ provider: "p", model: "p-model", attempt: 1, isFallback: false });
    expect(valuesOf(events, "completed")[0]).toMatchObject({
      servedBy: { provider: "p", attempts: 1, fallback: false },
      timings: { totalMs: expect.any(Number) },
    });
    expect(context.record).toMatchObject({ target: { provider: "p", model: "p-model" }, attempts: 1 });
  });

  it("passes over a target that cannot do what is asked", async () => {
    const request = userRequest("hi", { stop: ["x"] });
    const [first, second] = [target("p", { ...everything, stop: refused("no stops") }), target("q")];
    const events = await eventsOf(going([first.target, second.target]).route(chatKind)(request, testContext(request)));
    expect(valuesOf(events, "started")[0]).toMatchObject({ provider: "q", isFallback: true });
  });

  it("names the field when no target can", () => {
    const request = userRequest("hi", { stop: ["x"] });
    const { target: poor } = target("p", { ...everything, stop: refused("no stops") });
    expect(refusal(() => going([poor]).route(chatKind)(request, testContext(request)))).toEqual(["unsupported_field", "stop"]);
  });

  it("refuses a kind of work that the provider does not do", () => {
    const request = create(CountTokensRequestSchema, { chat: userRequest("hi") });
    const work = going([target("p").target]).route(countTokensKind);
    expect(refusal(() => work(request, testContext(userRequest("hi"))))).toEqual(["unimplemented", undefined]);
  });

  it("lets unary answers repeat the name that was asked for", async () => {
    const counting = plainTarget({
      ...{ provider: "p", model: "m", fields: everything },
      workOf: () =>
        async function* () {
          yield create(CountTokensResponseSchema, { promptTokens: 7, model: "m" });
        } as never,
    });
    const request = create(CountTokensRequestSchema, { chat: userRequest("hi", { model: "alias" }) });
    const context = { ...testContext(userRequest("hi")), model: "alias" };
    expect(await only(going([counting]).route(countTokensKind)(request, context))).toMatchObject({ promptTokens: 7, model: "alias" });
  });

  it("retries and falls back for work whose answer comes whole as well", async () => {
    const asked: string[] = [];
    const embedding = (provider: string, ...failures: readonly Reason[]) => {
      const left = [...failures];
      const work = async function* ({ model }: EmbedRequest) {
        asked.push(model);
        const reason = left.shift();
        if (reason !== undefined) throw fault(reason, `${provider} fails`, { provider });
        yield create(EmbedResponseSchema, { model });
      };
      return plainTarget({ provider, model: `${provider}-model`, workOf: () => work as never });
    };
    const routes = testRouting(
      {
        stops: [plainStop(embedding("p", "provider_error", "provider_error")), plainStop(embedding("q"), { rank: 1, isOtherModel: true })],
      },
      { limits: { ...defaultLimits, retryBaseMs: 1 } },
    );
    const request = create(EmbedRequestSchema, { model: "alias" });
    const context = { ...testContext(userRequest("hi")), model: "alias" };
    expect(await only(routes.route(embedKind)(request, context))).toMatchObject({
      model: "q-model",
      servedBy: { provider: "q", attempts: 3, retries: 1, fallback: true },
    });
    expect(asked).toEqual(["p-model", "p-model", "q-model"]);
  });

  it("fills in what the caller left out, and judges the request by it", async () => {
    const { target: filled, asked } = target("p");
    const fill = (request: ChatRequest): ChatRequest => ({ ...request, maxTokens: request.maxTokens ?? 7, stop: ["x"] });
    const request = userRequest("hi", { model: "alias" });
    await eventsOf(testRouting({ stops: [plainStop(filled, { fill })] }).route(chatKind)(request, testContext(request)));
    expect(asked[0]).toMatchObject({ maxTokens: 7, stop: ["x"] });
    expect([request.maxTokens, request.stop]).toEqual([undefined, []]);
    const { target: poor } = target("q", { ...everything, stop: refused("no stops") });
    const work = testRouting({ stops: [plainStop(poor, { fill })] }).route(chatKind);
    expect(refusal(() => work(request, testContext(request)))).toEqual(["unsupported_field", "stop"]);
  });
});
