import { describe, expect, it } from "vitest";
import { FinishReason, type ChatEvent, type ChatRequest } from "../../../gen/parley/v1/chat_pb.ts";
import { UsageSource } from "../../../gen/parley/v1/usage_pb.ts";
import { completed, finished, reasoning, started, text } from "../../core/events.ts";
import { fault, reasonOf } from "../../core/reasons.ts";
import type { Generate } from "../../core/work.ts";
import { breaking, plainRun, playedStop, rescuedAnswer, rescuing, saying } from "../../testing/broken-answers.ts";
import { testContext } from "../../testing/call-context.ts";
import { failureOf, iterate, outlineOf, restOf as restOfStream, textOf, valuesOf } from "../../testing/collect-events.ts";
import { fakeClock } from "../../testing/fake-clock.ts";
import { recordingLog } from "../../testing/recording-log.ts";
import { userRequest } from "../../testing/sample-request.ts";
import { script } from "../../testing/script.ts";
import type { ReadyIterator } from "../../core/stages.ts";
import { readAll } from "../../core/stream.ts";
import type { Run } from "../run.ts";
import { rescued } from "./rescue.ts";

const reset = fault("provider_unavailable", "the connection was reset");
describe("events of an answer that nobody has to rescue", () => {
  it("are passed on as they are", async () => {
    const given = [started("p", "m"), reasoning(0, "hm"), text(0, "a"), text(0, "b"), finished(0, FinishReason.STOP)];
    const work: Generate = async function* () {
      yield* given;
      yield completed({});
    };
    const { events } = await rescuedAnswer(rescuing([playedStop("a", work)]));
    expect(events.slice(1, -1).every((event, index) => event === given[index + 1])).toBe(true);
  });
});

describe("thinking", () => {
  const thinking = (thoughts: readonly string[], words: readonly string[], error?: Error): Generate =>
    async function* () {
      yield started("", "");
      for (const each of thoughts) yield reasoning(0, each);
      for (const each of words) yield text(0, each);
      if (error !== undefined) throw error;
      yield finished(0, FinishReason.STOP);
      yield completed({
        usage: { $typeName: "parley.v1.Usage", promptTokens: 9, completionTokens: 7, reasoningTokens: 3, source: UsageSource.PROVIDER },
      });
    };
  const thoughtsOf = (events: readonly ChatEvent[]) =>
    valuesOf(events, "reasoning")
      .map((each) => each.text)
      .join("");

  it("that broke off is begun anew, and what is the same is left out", async () => {
    for (const thoughts of ["h", "hm, wel", "hm, well"]) {
      const { events, error } = await rescuedAnswer(
        rescuing([playedStop("a", thinking([thoughts], [], reset)), playedStop("b", thinking(["hm,", " well"], ["yes"]))]),
      );
      expect([thoughtsOf(events), textOf(events), error]).toEqual(["hm, well", "yes", undefined]);
    }
  });

  it("that comes otherwise, or ends sooner, is the error of the break", async () => {
    for (const anew of [["hm! well"], ["hm,"]]) {
      const { events, error } = await rescuedAnswer(
        rescuing([playedStop("a", thinking(["hm, wel"], [], reset)), playedStop("b", thinking(anew, ["yes"]))]),
      );
      expect([thoughtsOf(events), textOf(events), error?.rawMessage]).toEqual(["hm, wel", "", expect.stringContaining("other words")]);
    }
  });

  it("is over once there is text: what is thought anew is not told, and is not counted", async () => {
    for (const canContinue of [true, false]) {
      const words = canContinue ? [" men"] : ["ye", "s men"];
      const { events, completed: end } = await rescuedAnswer(
        rescuing([playedStop("a", thinking(["hm"], ["yes"], reset)), playedStop("b", thinking(["oh"], words), { canContinue })]),
      );
      expect([thoughtsOf(events), textOf(events)]).toEqual(["hm", "yes men"]);
      if (canContinue) expect(end?.usage).toMatchObject({ promptTokens: 8, completionTokens: 6, reasoningTokens: 1 });
    }
  });
});

describe("leaving while an answer is gone on with", () => {
  const begin = (signal = new AbortController().signal) => {
    const inner = script<ChatRequest, ChatEvent>();
    const stops = [playedStop("a", breaking(["one"], reset)), playedStop("b", inner.work)];
    const request = userRequest("x");
    const run = rescued(plainRun, { clock: fakeClock(), log: recordingLog().log });
    return {
      inner,
      events: iterate(run(request, testContext(request, { signal }), { destination: rescuing(stops, 8), isContinuation: false })),
    };
  };

  it("cancels the attempt that runs, before its first event", async () => {
    const { inner, events } = begin();
    await events.next();
    await events.next();
    const waiting = events.next();
    const call = await inner.next();
    await Promise.allSettled([events.return?.(), waiting]);
    await call.closed;
    expect(call.context.signal.aborted).toBe(true);
    expect(inner.calls).toHaveLength(1);
  });

  it("leaves the target that serves, before a break and after one", async () => {
    const { inner, events } = begin();
    const first = script<ChatRequest, ChatEvent>();
    const stops = [playedStop("c", first.work)];
    const run = rescued(plainRun, { clock: fakeClock(), log: recordingLog().log });
    const unbroken = iterate(run(userRequest("x"), testContext(userRequest("x")), { destination: rescuing(stops), isContinuation: false }));
    for (const [played, left] of [
      [first, unbroken],
      [inner, events],
    ] as const) {
      const reading = left.next();
      if (played === inner) await events.next();
      const after = played === inner ? events.next() : reading;
      const call = await played.next();
      for (const event of [started("", ""), text(0, "one two")]) call.give(event);
      await after;
      await left.return?.();
      await call.closed;
    }
  });

  it("ends with why the call was aborted, and asks nobody any more", async () => {
    const caller = new AbortController();
    const { inner, events } = begin(caller.signal);
    const rest = failureOf(restOfStream(events));
    const call = await inner.next();
    caller.abort(fault("deadline_exceeded", "the deadline has passed"));
    expect(reasonOf(await rest)).toBe("deadline_exceeded");
    await call.closed;
    expect(inner.calls).toHaveLength(1);
  });

  it("leaves no listener on the caller's signal", async () => {
    const caller = new AbortController();
    const { inner, events } = begin(caller.signal);
    const rest = restOfStream(events);
    const call = await inner.next();
    for (const event of [started("", ""), text(0, "one two"), finished(0, FinishReason.STOP), completed({})]) call.give(event);
    call.end();
    expect(textOf(await rest)).toBe("one two");
    caller.abort();
    expect(call.context.signal.aborted).toBe(false);
  });
});

describe("events that are there already", () => {
  /** A run whose events can be had at once, and whose failure too. */
  const atOnce = (given: readonly ChatEvent[], error: Error | undefined, serve: () => void): ReadyIterator<ChatEvent> => {
    const left = [...given];
    const ready = (): IteratorResult<ChatEvent> => {
      const event = left.shift();
      if (event === undefined && error !== undefined) throw error;
      if (event?.event.case === "started") serve();
      return event === undefined ? { done: true, value: undefined } : { done: false, value: event };
    };
    return { ready, next: async () => ready() };
  };

  it.each([[reset], [undefined]])("are taken without waiting, and so is a break: %s", async (error) => {
    const [a, b] = [
      playedStop(
        "a",
        saying(() => []),
      ),
      playedStop(
        "b",
        saying(() => ["one two three"]),
      ),
    ];
    const first: Run<ChatRequest, ChatEvent> = (_request, _context, { onServing }) => ({
      [Symbol.asyncIterator]: () => atOnce([started("a", "m"), text(0, "one E"), text(0, "N")], error, () => onServing?.(a.stop)),
    });
    const run: Run<ChatRequest, ChatEvent> = (request, context, scope) =>
      (scope.isContinuation ? plainRun : first)(request, context, scope);
    const request = userRequest("x", { stop: ["END"] });
    const scope = { destination: rescuing([a, b]), isContinuation: false };
    const events: ChatEvent[] = [];
    await readAll(
      rescued(run, { clock: fakeClock(), log: recordingLog().log })(request, testContext(request), scope),
      (event) => void events.push(event),
    );
    expect([textOf(events), outlineOf(events).at(-1)]).toEqual(["one two three", "completed"]);
  });
});
