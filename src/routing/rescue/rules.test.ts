import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { FinishReason, type ChatEvent, type ChatRequest } from "../../../gen/parley/v1/chat_pb.ts";
import { MessageSchema, Role, ToolChoiceMode } from "../../../gen/parley/v1/messages_pb.ts";
import { UsageSource } from "../../../gen/parley/v1/usage_pb.ts";
import { chatEvent, finished, reasoning, started, text, toolCall } from "../../core/events.ts";
import { fault, reasonOf, retryAfterMsOf, type Reason } from "../../core/reasons.ts";
import type { Generate } from "../../core/work.ts";
import { breaking, playedStop, prefixOf, rescuedAnswer, rescuing, restOf, saying } from "../../testing/broken-answers.ts";
import { textOf } from "../../testing/collect-events.ts";
import { userRequest } from "../../testing/sample-request.ts";

const whole = "one two three four five six";
const goesOn = saying((request) => [restOf(whole, request)]);
const anew = saying(() => [whole]);
/** A model that gives these events and then fails. */
const giving = (events: readonly ChatEvent[], error?: Error): Generate =>
  async function* () {
    yield started("", "");
    yield* events;
    if (error !== undefined) throw error;
  };
const rawText = ({ rawPrompt }: ChatRequest) => (rawPrompt?.prompt.case === "text" ? rawPrompt.prompt.value : "");
const reset = fault("provider_unavailable", "the connection was reset", { provider: "a", retryAfterMs: 500 });

/** A model that never begins. */
const dead: Generate = async function* () {
  throw fault("provider_error", "out of order");
};

describe("which breaks are rescued", () => {
  const table: readonly (readonly [Reason, boolean])[] = [
    ["provider_unavailable", true],
    ["provider_error", true],
    ["provider_timeout", true],
    ["provider_truncated", true],
    ["provider_malformed", true],
    ["provider_rate_limited", true],
    ["engine_failed", true],
    ["caller_gone", false],
    ["deadline_exceeded", false],
    ["time_limit", false],
    ["draining", false],
    ["content_filtered", false],
    ["internal", false],
  ];
  it.each(table)("%s: %s", async (reason, isRescued) => {
    const spare = playedStop("b", goesOn, { canContinue: true });
    const { error, text: words } = await rescuedAnswer(rescuing([playedStop("a", breaking(["one two"], fault(reason, "no"))), spare]));
    expect([error && reasonOf(error), words, spare.asked.length]).toEqual(isRescued ? [undefined, whole, 1] : [reason, "one two", 0]);
  });

  it("a stream that ends without its end mark is one", async () => {
    const { text: words, error } = await rescuedAnswer(rescuing([playedStop("a", giving([text(0, "one ")])), playedStop("b", anew)]));
    expect([words, error]).toEqual([whole, undefined]);
  });

  it("none that came before the answer started: that is routing's", async () => {
    const { events, outcomes } = await rescuedAnswer(rescuing([playedStop("a", breaking([])), playedStop("b", anew)]));
    expect([textOf(events), outcomes]).toEqual([whole, ["restarted"]]);
    const early: Generate = async function* () {
      throw reset;
    };
    expect((await rescuedAnswer(rescuing([playedStop("a", early), playedStop("b", anew)]))).outcomes).toEqual([]);
  });

  it("none where the route does not ask for it", async () => {
    const { rescue: _, ...destination } = rescuing([playedStop("a", breaking(["one"], reset)), playedStop("b", anew)]);
    const { error, text: words } = await rescuedAnswer(destination);
    expect([error, words]).toEqual([reset, "one"]);
  });

  it("none of an answer that has said why it ended", async () => {
    const done = giving([text(0, "one"), finished(0, FinishReason.STOP)], reset);
    const { error, outcomes } = await rescuedAnswer(rescuing([playedStop("a", done), playedStop("b", anew)]));
    expect([error, outcomes]).toEqual([reset, []]);
  });
});

describe("what is not gone on with says so, with the error of the break", () => {
  const json = { responseFormat: { format: { case: "jsonObject" as const, value: {} } } };
  const call = toolCall({ choice: 0, index: 0, id: "c", name: "f", arguments: "{" });
  const refusal = chatEvent({ case: "refusal", value: { $typeName: "parley.v1.RefusalDelta", choice: 0, text: "no" } });
  const hidden = reasoning(0, "");
  if (hidden.event.case === "reasoning") hidden.event.value.redactedData = Uint8Array.of(1);
  it.each([
    ["a form", { request: userRequest("x", json), events: [text(0, "{")] }, "form"],
    ["several choices", { request: userRequest("x", { choices: 2 }), events: [text(1, "a")] }, "choices"],
    ["logprobs", { request: userRequest("x", { topLogprobs: 0 }), events: [text(0, "a")] }, "logprobs"],
    ["a tool call", { request: userRequest("x"), events: [text(0, "a"), call] }, "tool call"],
    ["a refusal", { request: userRequest("x"), events: [refusal] }, "refuses"],
    ["hidden thinking", { request: userRequest("x"), events: [hidden] }, "hides"],
  ])("%s", async (_, { request, events }, why) => {
    const spare = playedStop("b", anew, { canContinue: true });
    const { error, events: got } = await rescuedAnswer(rescuing([playedStop("a", giving(events, reset)), spare]), request);
    expect(error?.rawMessage).toContain("the connection was reset; the answer was not gone on with: ");
    expect(error?.rawMessage).toContain(why);
    expect([reasonOf(error), retryAfterMsOf(error!), error?.code]).toEqual(["provider_unavailable", 500, reset.code]);
    expect([spare.asked.length, got.slice(1)]).toEqual([0, events]);
  });

  it("an answer that broke off once too often", async () => {
    const again: Generate = async function* (request) {
      yield started("", "");
      yield text(0, restOf(whole, request).slice(0, 5));
      throw fault("provider_truncated", "cut again");
    };
    const spare = playedStop("b", again, { canContinue: true });
    const { error, text: words, lines } = await rescuedAnswer(rescuing([playedStop("a", breaking(["one"], reset)), spare], 3));
    expect([reasonOf(error), error?.rawMessage]).toEqual(["provider_truncated", expect.stringContaining("attempt 3 of 3")]);
    expect([words, spare.asked.length]).toEqual([whole.slice(0, 17), 3]);
    expect(lines.map(({ level, facts }) => [level, facts["outcome"]])).toEqual(Array.from({ length: 3 }, () => ["warn", "failed"]));
    expect(JSON.stringify(lines)).not.toContain("one two");
  });

  it("an answer that nobody can go on with, with what the last said", async () => {
    const { error, context } = await rescuedAnswer(rescuing([playedStop("a", breaking(["one"], reset)), playedStop("b", dead)]));
    expect(error?.rawMessage).toContain("not gone on with: out of order");
    expect(context.record.target).toMatchObject({ provider: "a" });
  });
});

describe("how it is gone on with", () => {
  it("first from its text elsewhere, then there, then anew", async () => {
    let isFirst = true;
    const wayward: Generate = (request, context) => {
      const work = isFirst ? breaking(["one "], reset) : dead;
      isFirst = false;
      return work(request, context);
    };
    const [a, b, c] = [
      playedStop("a", wayward, { canContinue: true }),
      playedStop("b", dead, { canContinue: true }),
      playedStop("c", anew),
    ];
    const { text: words, context } = await rescuedAnswer(rescuing([a, b, c], 3));
    expect(words).toBe(whole);
    expect([a, b, c].map(({ asked }) => asked.map(prefixOf))).toEqual([[undefined, "one"], ["one", undefined], [undefined]]);
    expect(context.record.attempts).toBe(5);
  });

  it("by the route's first target, and is a fallback's answer all the same where another began it", async () => {
    let count = 0;
    const late: Generate = (request, context) => (count++ === 0 ? dead : anew)(request, context);
    const { text: words, completed: end } = await rescuedAnswer(
      rescuing([playedStop("a", late), playedStop("b", breaking(["one"], reset))]),
    );
    expect([words, end?.servedBy?.provider, end?.servedBy?.fallback]).toEqual([whole, "a", true]);
  });

  it("anew there, where there is no elsewhere", async () => {
    let count = 0;
    const once: Generate = (request, context) => (count++ === 0 ? breaking(["one t"], reset) : anew)(request, context);
    const { text: words, completed: end } = await rescuedAnswer(rescuing([playedStop("a", once)]));
    expect([words, end?.servedBy?.splices]).toEqual([whole, [expect.objectContaining({ offset: 5, provider: "a", model: "a-model" })]]);
  });

  it("twice, with a splice for each, and the tokens of all that was told", async () => {
    let count = 0;
    const shaky: Generate = (request, context) => {
      const rest = restOf(whole, request);
      return (count++ === 0 ? breaking([rest.slice(0, 6)], reset) : saying(() => [rest.slice(0, 5), rest.slice(5)], 30))(request, context);
    };
    const first = breaking(["one", " two"], reset);
    const { text: words, completed: end } = await rescuedAnswer(
      rescuing([playedStop("a", first), playedStop("b", shaky, { canContinue: true })]),
    );
    expect(words).toBe(whole);
    expect(end?.servedBy?.splices.map(({ offset, provider }) => `${provider} ${offset}`)).toEqual(["b 7", "b 13"]);
    // 13 characters told in 3 pieces, as short as tokens are: read as prompt by the last
    expect(end?.usage).toMatchObject({ promptTokens: 27, completionTokens: 5, source: UsageSource.ESTIMATED });
  });

  describe("at temperature 0", () => {
    const cold = userRequest("x", { sampling: { temperature: 0 }, maxTokens: 20 });
    const first = () => playedStop("a", breaking(["one", " two", " thr"], reset));

    it("with the last word once more, which is not told twice", async () => {
      const spare = playedStop("b", goesOn, { canContinue: true });
      const { text: words, completed: end } = await rescuedAnswer(rescuing([first(), spare]), cold);
      expect([words, spare.asked.map(prefixOf), spare.asked[0]?.maxTokens]).toEqual([whole, ["one two"], 18]);
      expect(end?.servedBy?.splices.map(({ offset }) => offset)).toEqual([11]);
    });

    it("from within it, where another word comes, or no attempt is left to try that out", async () => {
      const wayward = saying((request) => (prefixOf(request) === "one two" ? [" more"] : ["ee"]));
      for (const attempts of [2, 1]) {
        const spare = playedStop("b", wayward, { canContinue: true });
        const { text: words, outcomes } = await rescuedAnswer(rescuing([first(), spare], attempts), cold);
        expect([words, outcomes]).toEqual(["one two three", attempts === 2 ? ["differs", "continued"] : ["continued"]]);
      }
    });

    it("anew where all of it is one word, and from within that where another comes", async () => {
      const spare = playedStop(
        "b",
        saying((request) => (prefixOf(request) === undefined ? ["Well"] : [restOf(whole, request)])),
        {
          canContinue: true,
        },
      );
      const { text: words } = await rescuedAnswer(rescuing([playedStop("a", breaking(["on"], reset)), spare]), cold);
      expect([words, spare.asked.map(prefixOf)]).toEqual([whole, [undefined, "on"]]);
    });
  });

  it("for the rest of the tokens, and with no progress", async () => {
    const spare = playedStop("b", goesOn, { canContinue: true });
    const first = playedStop("a", breaking(["one", " two", " three"], reset), { fill: (request) => ({ maxTokens: 10, ...request }) });
    await rescuedAnswer(rescuing([first, spare]), userRequest("x", { includeProgress: true, minTokens: 6 }));
    expect(spare.asked[0]).toMatchObject({ maxTokens: 7, minTokens: 3, includeProgress: false, continueFinalMessage: true });
    await rescuedAnswer(rescuing([playedStop("a", breaking(["one", " two"], reset)), spare]), userRequest("x", { maxTokens: 2 }));
    expect(spare.asked[1]?.maxTokens).toBe(1);
  });

  it("from the text behind that of a message that is gone on from already, and behind a raw prompt", async () => {
    const said = create(MessageSchema, { role: Role.ASSISTANT, parts: [{ part: { case: "text", value: { text: "zero " } } }] });
    const spare = playedStop(
      "b",
      saying((request) => [restOf(`zero ${whole}`, request)]),
      { canContinue: true },
    );
    const begun = { ...userRequest("x"), messages: [said], continueFinalMessage: true };
    expect((await rescuedAnswer(rescuing([playedStop("a", breaking(["one"], reset)), spare]), begun)).text).toBe(whole);
    expect(spare.asked[0]?.messages).toHaveLength(1);
    const raw = userRequest("", { messages: [], rawPrompt: { prompt: { case: "text", value: "count: " } } });
    const completing = playedStop(
      "c",
      saying((request) => [`count: ${whole}`.slice(rawText(request).length)]),
    );
    expect((await rescuedAnswer(rescuing([playedStop("a", breaking(["one "], reset)), completing]), raw)).text).toBe(whole);
    expect(completing.asked.map(rawText)).toEqual(["count: one"]);
  });

  it("anew, where a tool must be called", async () => {
    const spare = playedStop("b", anew, { canContinue: true });
    const request = userRequest("x", { toolChoice: { mode: ToolChoiceMode.REQUIRED } });
    await rescuedAnswer(rescuing([playedStop("a", breaking(["one"], reset)), spare]), request);
    expect(spare.asked.map(prefixOf)).toEqual([undefined]);
  });
});
