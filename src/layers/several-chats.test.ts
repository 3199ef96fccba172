import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { FinishReason, type ChatEvent, type ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import { UsageSource } from "../../gen/parley/v1/usage_pb.ts";
import { testContext } from "../testing/call-context.ts";
import { userRequest } from "../testing/sample-request.ts";
import { collect } from "../core/collect.ts";
import { anonymous, callRecord, type CallContext } from "../core/context.ts";
import { accepted, completed, finished, started, text } from "../core/events.ts";
import { asFault, fault, reasonOf } from "../core/reasons.ts";
import { servedBy as servedByOf } from "../core/served.ts";
import type { ReadyIterator } from "../core/stages.ts";
import { severalChats } from "./several-chats.ts";
import type { Generate } from "../core/work.ts";

const asked = (word: string, choices?: number) => userRequest(word, choices === undefined ? {} : { choices });
const wordOf = ({ messages }: ChatRequest) => {
  const part = messages[0]?.parts[0]?.part;
  return part?.case === "text" ? part.value.text : "";
};

const served = {
  name: "m",
  startedMs: 0,
  nowMs: 0,
  firstContentMs: undefined,
  provider: "p",
  model: "m",
  attempt: 1,
  attempts: 1,
  retries: 0,
  isRateLimited: false,
  isHedged: false,
};

/** Says the request's word, once a choice. */
async function* saying(request: ChatRequest): AsyncGenerator<ChatEvent> {
  const { choices = 1 } = request;
  yield accepted({ id: `id-${wordOf(request)}`, model: "m", createdMs: 1 });
  yield started("p", "m");
  for (let choice = 0; choice < choices; choice++) {
    yield text(choice, wordOf(request));
    yield finished(choice, FinishReason.STOP);
  }
  yield completed({
    servedBy: servedByOf({ ...served, isFallback: wordOf(request) === "b" }),
    usage: { $typeName: "parley.v1.Usage", promptTokens: 2, completionTokens: choices, source: UsageSource.PROVIDER },
  });
}

const reasonOfThrown = (error: unknown) => reasonOf(asFault(error));

/** A stream of which everything is there once its first event has been waited for. */
function atOnce(stream: AsyncIterable<ChatEvent>): ReadyIterator<ChatEvent> {
  const there: ChatEvent[] = [];
  let isThere = false;
  const take = (): IteratorResult<ChatEvent> => {
    const value = there.shift();
    return value === undefined ? { done: true, value } : { done: false, value };
  };
  return {
    ready: () => (isThere ? take() : undefined),
    async next() {
      for await (const event of stream) there.push(event);
      isThere = true;
      return take();
    },
  };
}

const run = (requests: readonly ChatRequest[], next: Generate, more: Partial<CallContext> = {}) =>
  severalChats(next)(requests[0]!, { ...testContext(requests[0]!), requests, ...more });

describe("several chats as one", () => {
  it.each([true, false])("count their choices on and sum their usage, whole (%s)", async (isWhole) => {
    const { id, choices, usage } = await collect(run([asked("a"), asked("b", 2), asked("c")], (request) => saying(request), { isWhole }));
    const said = choices.map(({ index, message }) => [index, message?.parts[0]?.part.value]);
    expect(id).toBe("id-a");
    expect(said).toMatchObject([
      [0, { text: "a" }],
      [1, { text: "b" }],
      [2, { text: "b" }],
      [3, { text: "c" }],
    ]);
    expect(usage).toMatchObject({ promptTokens: 6, completionTokens: 4, source: UsageSource.PROVIDER });
  });

  it("open once and end once", async () => {
    const events: (string | undefined)[] = [];
    for await (const { event } of run([asked("a"), asked("b")], (request) => saying(request), { isWhole: false })) events.push(event.case);
    expect(events).toEqual(["accepted", "started", "text", "finished", "text", "finished", "completed"]);
  });

  it("run side by side when nobody reads before the end, and one after the other for a key whose calls are counted", async () => {
    const most = async (limits?: { concurrency: number }) => {
      let running = 0;
      let peak = 0;
      const next: Generate = async function* (request) {
        peak = Math.max(peak, ++running);
        await Promise.resolve();
        yield* saying(request);
        running--;
      };
      const caller = { ...anonymous(true), ...(limits !== undefined && { limits }) };
      await collect(
        run(
          ["a", "b", "c", "d"].map((word) => asked(word)),
          next,
          { isWhole: true, caller },
        ),
      );
      return peak;
    };
    expect([await most(), await most({ concurrency: 2 })]).toEqual([4, 1]);
  });

  it("fail together: what one fails with ends the others", async () => {
    const aborted: unknown[] = [];
    const next: Generate = async function* (request, { signal }) {
      if (wordOf(request) === "bad") throw fault("context_length_exceeded", "too long");
      await new Promise((_, reject) =>
        signal.addEventListener("abort", () => (aborted.push(signal.reason), reject(signal.reason as Error))),
      );
      yield* saying(request);
    };
    await expect(collect(run([asked("a"), asked("bad"), asked("c")], next, { isWhole: true }))).rejects.toThrow("too long");
    expect(aborted).toHaveLength(2);
  });

  it.each([true, false])("are over when the call is: one that still winds down is waited for, whole (%s)", async (isWhole) => {
    const ended: string[] = [];
    const slow = Promise.withResolvers<void>();
    const next: Generate = async function* (request, { signal }) {
      try {
        if (wordOf(request) === "bad") throw fault("context_length_exceeded", "too long");
        if (isWhole) await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
        yield* saying(request);
      } finally {
        if (wordOf(request) !== "bad") await slow.promise;
        ended.push(wordOf(request));
      }
    };
    const failing = collect(run([asked("a"), asked("bad")], next, { isWhole })).catch(() => ended.push("the call"));
    await turn();
    slow.resolve();
    await failing;
    expect(ended.toSorted()).toEqual(["a", "bad", "the call"]);
    expect(ended.at(-1)).toBe("the call");
  });

  it("end with a reader that leaves while they are written side by side", async () => {
    const ended: string[] = [];
    const next: Generate = async function* (request, { signal }) {
      try {
        await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
        yield* saying(request);
      } finally {
        await turn();
        ended.push(wordOf(request));
      }
    };
    const events = run([asked("a"), asked("b")], next)[Symbol.asyncIterator]();
    const waiting = events.next().catch(reasonOfThrown);
    await events.return?.();
    expect([...ended]).toEqual(["a", "b"]);
    expect(await waiting).toBe("caller_gone");
    expect(await events.next()).toEqual({ done: true, value: undefined });
  });

  it("hand on at once what is there at once", async () => {
    const next: Generate = (request) => ({ [Symbol.asyncIterator]: () => atOnce(saying(request)) });
    const events: ReadyIterator<ChatEvent> = run([asked("a"), asked("b")], next, { isWhole: false })[Symbol.asyncIterator]();
    const told: (string | undefined)[] = [];
    await events.next(); // the first chat is there from now on
    for (let result = events.ready?.(); result?.done === false; result = events.ready?.()) told.push(result.value.event.case);
    expect(told).toEqual(["started", "text", "finished"]);
  });

  it.each([true, false])("are one call: what became of each is summed up in its record and at its end, whole (%s)", async (isWhole) => {
    const contexts: CallContext[] = [];
    const next: Generate = (request, context) => {
      contexts.push(context);
      const { record } = context;
      Object.assign(record, { attempts: 2, further: 1, retries: 1, isRateLimited: wordOf(request) === "b", upstreamMs: 5 });
      record.target = { provider: "p", model: "m", label: "m" };
      return saying(request);
    };
    const record = callRecord();
    const { servedBy } = await collect(run([asked("a"), asked("b"), asked("c")], next, { isWhole, record }));
    expect(new Set(contexts.map((each) => each.record)).size).toBe(3);
    expect(record).toMatchObject({ attempts: 6, further: 3, retries: 3, isRateLimited: true, upstreamMs: 15, target: { provider: "p" } });
    expect(servedBy).toMatchObject({ attempts: 3, retries: 0, fallback: true });
  });

  it("begin when they are read, and who leaves early leaves the one that runs and begins no other", async () => {
    const begun: string[] = [];
    const left: string[] = [];
    const next: Generate = async function* (request) {
      begun.push(wordOf(request));
      try {
        yield* saying(request);
      } finally {
        left.push(wordOf(request));
      }
    };
    const events = run([asked("a"), asked("b")], next, { isWhole: false });
    expect(begun).toEqual([]);
    for await (const { event } of events) if (event.case === "text") break;
    expect([begun, left]).toEqual([["a"], ["a"]]);
  });

  it("have a key of their own each, where the call has one", async () => {
    const keys: string[] = [];
    const next: Generate = (request) => (keys.push(request.idempotencyKey), saying(request));
    const requests = [asked("a"), asked("b")];
    await collect(severalChats(next)({ ...requests[0]!, idempotencyKey: "k" }, { ...testContext(requests[0]!), requests }));
    expect(keys).toEqual(["k/0", "k/1"]);
  });
});
