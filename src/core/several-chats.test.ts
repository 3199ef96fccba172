import { describe, expect, it } from "vitest";
import { FinishReason, type ChatEvent, type ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import { UsageSource } from "../../gen/parley/v1/usage_pb.ts";
import { testContext } from "../testing/call-context.ts";
import { userRequest } from "../testing/sample-request.ts";
import { collect } from "./collect.ts";
import { anonymous, callRecord, type CallContext } from "./context.ts";
import { accepted, completed, finished, started, text } from "./events.ts";
import { fault } from "./reasons.ts";
import { severalChats } from "./several-chats.ts";
import type { Generate } from "./work.ts";

const asked = (word: string, choices?: number) => userRequest(word, choices === undefined ? {} : { choices });
const wordOf = ({ messages }: ChatRequest) => {
  const part = messages[0]?.parts[0]?.part;
  return part?.case === "text" ? part.value.text : "";
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
  yield completed({ usage: { $typeName: "parley.v1.Usage", promptTokens: 2, completionTokens: choices, source: UsageSource.PROVIDER } });
}

const run = (requests: readonly ChatRequest[], next: Generate, more: Partial<CallContext> = {}) =>
  severalChats(next, requests)(requests[0]!, { ...testContext(requests[0]!), ...more });

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

  it("run side by side when nobody reads before the end, and no more than a key's calls at once", async () => {
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
    expect([await most(), await most({ concurrency: 2 })]).toEqual([4, 2]);
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

  it("share what the caller's key allows a call, and leave its record to the first", async () => {
    const contexts: CallContext[] = [];
    const next: Generate = (request, context) => (contexts.push(context), saying(request));
    const record = callRecord();
    const caller = { ...anonymous(true), limits: { maxTokens: 10 } };
    await collect(run([asked("a"), asked("b"), asked("c")], next, { isWhole: true, caller, record }));
    expect(contexts.map((context) => context.caller.limits?.maxTokens)).toEqual([3, 3, 3]);
    expect(contexts.map((context) => context.record === record)).toEqual([true, false, false]);
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
    await collect(severalChats(next, requests)({ ...requests[0]!, idempotencyKey: "k" }, testContext(requests[0]!)));
    expect(keys).toEqual(["k/0", "k/1"]);
  });
});
