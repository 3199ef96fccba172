import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { FinishReason, type ChatEvent, type ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import { UsageSource } from "../../gen/parley/v1/usage_pb.ts";
import { completed, finished, started, text } from "../core/events.ts";
import { chatKind } from "../core/kinds.ts";
import { fault, reasonOf } from "../core/reasons.ts";
import { beaten } from "../core/signals.ts";
import type { AttemptRecord } from "../core/books.ts";
import { compose, type Layer } from "../core/work.ts";
import { testContext } from "../testing/call-context.ts";
import { eventsOf, failureOf, iterate } from "../testing/collect-events.ts";
import { fakeClock } from "../testing/fake-clock.ts";
import { userRequest } from "../testing/sample-request.ts";
import { script } from "../testing/script.ts";
import { asked } from "./asked.ts";
import { concurrency } from "./concurrency.ts";
import { disconnect } from "./disconnect.ts";
import { ledger } from "./ledger.ts";
import { leftReads } from "./left-reads.ts";

const request = userRequest("hi");
const usage = { $typeName: "parley.v1.Usage" as const, promptTokens: 100, completionTokens: 10, source: UsageSource.PROVIDER };
const rest = [text(0, "b"), finished(0, FinishReason.STOP), completed({ usage })];

/** A target with room for one attempt, its books, and a caller who may leave. */
const setUp = ({ policy = "drain" as const, reaches = true }: { policy?: "drain" | "estimate"; reaches?: boolean } = {}) => {
  const clock = fakeClock();
  const inner = script<ChatRequest, ChatEvent>();
  const reads = leftReads();
  const recorded = Promise.withResolvers<AttemptRecord>();
  const layers: readonly Layer[] = [
    disconnect({ clock, policy, drainReadMs: 1000, reads }),
    ledger({
      ...{ clock, ledger: { record: recorded.resolve }, provider: "p", model: "m", key: 0, takesCallerKeys: false, policy },
      ...{ price: { prompt: 1, completion: 1, cached: 1, cacheWrite: 1 }, priceVersion: "" },
    }),
    concurrency({ clock, target: "p", limit: 1, queue: 1, queueMs: 60_000 }),
    ...(reaches ? [asked] : []),
  ];
  const work = compose(layers, inner.work, chatKind);
  const caller = new AbortController();
  const open = (signal = caller.signal) => iterate(work(request, testContext(request, { signal })));
  return { clock, inner, reads, record: recorded.promise, caller, open };
};

/** A caller that has read the first words, waits for more, and leaves. */
async function leftWaiting(given: Parameters<typeof setUp>[0] = {}, why: unknown = fault("caller_gone", "the caller went away")) {
  const all = setUp(given);
  const events = all.open();
  const first = events.next();
  const call = await all.inner.next();
  call.give(started("p", "m"));
  await first;
  const waiting = failureOf(events.next());
  all.caller.abort(why);
  return { ...all, call, events, error: await waiting };
}

describe("drain", () => {
  it("ends the caller's side at once, and reads on until the usage is told", async () => {
    const { call, clock, error, record, events } = await leftWaiting();
    expect([reasonOf(error), call.context.signal.aborted]).toEqual(["caller_gone", false]);
    expect(reasonOf(await failureOf(events.next()))).toBe("caller_gone");
    for (const event of rest) call.give(event);
    expect(await record).toMatchObject({ outcome: "left", usage, cost: 110 / 1e6 });
    await call.closed;
    await setImmediate();
    expect(clock.pending()).toBe(0);
  });

  it("is ended by the end of the service, which waits for it", async () => {
    const { call, clock, reads, record } = await leftWaiting();
    await reads.end();
    expect(reasonOf(call.context.signal.reason)).toBe("draining");
    expect(await record).toMatchObject({ outcome: "draining", usage: { source: UsageSource.PARTIAL } });
    expect(clock.pending()).toBe(0);
    await reads.end();
  });

  it("holds its place until then", async () => {
    const { call, inner, open } = await leftWaiting();
    const next = open(new AbortController().signal).next();
    expect(inner.calls).toHaveLength(1);
    for (const event of rest) call.give(event);
    const second = await inner.next();
    second.end();
    await next;
  });

  it("reads no longer than it may, and counts what was sent", async () => {
    const { call, clock, record } = await leftWaiting();
    call.give(text(0, "12345678"));
    await setImmediate(); // until it has been read
    clock.advance(1000);
    await call.closed;
    expect(await record).toMatchObject({ outcome: "left", usage: { completionTokens: 2, source: UsageSource.PARTIAL } });
    expect(clock.pending()).toBe(0);
  });

  it("tells the books what failed while it read on", async () => {
    const { call, record } = await leftWaiting();
    call.end(fault("provider_truncated", "cut"));
    expect(await record).toMatchObject({ outcome: "provider_truncated" });
  });

  it("goes on for a caller that leaves between two events, too", async () => {
    const { inner, open, caller, record } = setUp();
    const events = open();
    const first = events.next();
    const call = await inner.next();
    call.give(started("p", "m"));
    await first;
    caller.abort();
    await events.return?.();
    for (const event of rest) call.give(event);
    expect(await record).toMatchObject({ outcome: "left", usage });
  });

  it.each([
    ["the deadline has passed", fault("deadline_exceeded", "late"), "deadline_exceeded"],
    ["the service ends", fault("draining", "bye"), "draining"],
    ["another attempt was faster", beaten, "lost"],
  ])("does not read on when %s", async (_, why, outcome) => {
    const { call, record } = await leftWaiting({}, why);
    await call.closed;
    expect(call.context.signal.aborted).toBe(true);
    expect((await record).outcome).toBe(outcome);
  });

  it("does not ask for a caller that left before its turn", async () => {
    const { call, record } = await leftWaiting({ reaches: false });
    await call.closed;
    expect(await record).toMatchObject({ outcome: "left" });
  });

  it("leaves an answer at once whose consumer wants no more of it, and keeps no listener of one that ended", async () => {
    const { clock, inner, open, caller } = setUp();
    const events = open();
    const first = events.next();
    const call = await inner.next();
    call.give(started("p", "m"));
    await first;
    await events.return?.();
    await call.closed;
    const whole = eventsOf({ [Symbol.asyncIterator]: () => open() });
    const second = await inner.next();
    second.end();
    await whole;
    caller.abort();
    expect([second.context.signal.aborted, clock.pending()]).toEqual([false, 0]);
  });
});

describe("estimate", () => {
  it("cancels at once", async () => {
    const { call, record } = await leftWaiting({ policy: "estimate" });
    await call.closed;
    expect(call.context.signal.aborted).toBe(true);
    expect(await record).toMatchObject({ outcome: "left", usage: { source: UsageSource.PARTIAL } });
  });
});
