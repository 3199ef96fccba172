import { describe, expect, it } from "vitest";
import type { ChatEvent, ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import { text } from "../core/events.ts";
import { chatKind } from "../core/kinds.ts";
import { fault, reasonOf, retryAfterMsOf } from "../core/reasons.ts";
import { testContext as contextOf } from "../testing/call-context.ts";
import { eventsOf, failureOf, iterate } from "../testing/collect-events.ts";
import { fakeClock } from "../testing/fake-clock.ts";
import { userRequest } from "../testing/sample-request.ts";
import { script } from "../testing/script.ts";
import { concurrency } from "./concurrency.ts";

const request = userRequest("hi");
const testContext = (given = {}) => contextOf(request, given);

describe("concurrency", () => {
  const setUp = (limit: number, queue: number) => {
    const clock = fakeClock();
    const inner = script<ChatRequest, ChatEvent>();
    const work = concurrency({ clock, target: "p/m", limit, queue, queueMs: 1000 })(inner.work, chatKind);
    const open = (context = testContext()) => eventsOf(work(request, context));
    return { clock, inner, open, work };
  };

  it("holds a permit until the stream has ended, then gives it to the first that waits", async () => {
    const { inner, open } = setUp(1, 2);
    const [first, second, third] = [open(), open(), open()];
    const one = await inner.next();
    one.give(text(0, "a"));
    expect(inner.calls).toHaveLength(1);
    one.end();
    await first;
    (await inner.next()).end();
    await second;
    (await inner.next()).end();
    await third;
    expect(inner.calls).toHaveLength(3);
  });

  it("tells how many wait, whenever one comes or leaves", async () => {
    const told: number[] = [];
    const inner = script<ChatRequest, ChatEvent>();
    const options = { clock: fakeClock(), target: "p", limit: 1, queue: 2, queueMs: 1000, onWaiting: (count: number) => told.push(count) };
    const work = concurrency(options)(inner.work, chatKind);
    const gone = new AbortController();
    const first = eventsOf(work(request, testContext()));
    const running = await inner.next();
    const second = eventsOf(work(request, testContext()));
    const third = failureOf(eventsOf(work(request, testContext({ signal: gone.signal }))));
    gone.abort();
    await third;
    running.end();
    await first;
    (await inner.next()).end();
    await second;
    expect(told).toEqual([1, 2, 1, 0]);
  });

  it("refuses at once when the queue is full, and says when to come back", async () => {
    const { inner, open, work } = setUp(1, 1);
    void open();
    void open().catch(() => {});
    await inner.next();
    const error = await failureOf((async () => eventsOf(work(request, testContext())))());
    expect(reasonOf(error)).toBe("queue_full");
    expect(retryAfterMsOf(error)).toBeGreaterThan(0);
  });

  it("refuses whoever waited too long", async () => {
    const { clock, inner, open } = setUp(1, 1);
    void open();
    const waiting = open();
    await inner.next();
    clock.advance(1000);
    expect(reasonOf(await failureOf(waiting))).toBe("queue_timeout");
  });

  it("frees the place in the queue of a caller that goes away", async () => {
    const { inner, open } = setUp(1, 1);
    void open();
    await inner.next();
    const leaver = new AbortController();
    const left = open(testContext({ signal: leaver.signal }));
    leaver.abort();
    expect(reasonOf(await failureOf(left))).toBe("caller_gone");
    const waiting = open();
    inner.calls[0]?.end();
    (await inner.next()).end();
    expect(await waiting).toEqual([]);
  });

  it("frees the place in the queue of a reader that leaves", async () => {
    const { inner, open, work } = setUp(1, 1);
    void open();
    await inner.next();
    const left = iterate(work(request, testContext()));
    const next = failureOf(left.next());
    await left.return?.();
    expect(reasonOf(await next)).toBe("caller_gone");
    const waiting = open();
    inner.calls[0]?.end();
    (await inner.next()).end();
    expect(await waiting).toEqual([]);
    expect(inner.calls).toHaveLength(2);
  });

  it("takes no permit for a stream that nobody reads", async () => {
    const { inner, open, work } = setUp(1, 0);
    for (let time = 0; time < 3; time++) work(request, testContext());
    const answer = open();
    (await inner.next()).end();
    expect(await answer).toEqual([]);
  });

  it("gives the permit back when the inner work refuses at once", async () => {
    const clock = fakeClock();
    let refusals = 0;
    const work = concurrency({ clock, target: "p/m", limit: 1, queue: 0, queueMs: 1 })((): AsyncIterable<ChatEvent> => {
      refusals++;
      throw fault("invalid_request", "no");
    }, chatKind);
    for (let time = 0; time < 3; time++) {
      expect(reasonOf(await failureOf(eventsOf(work(request, testContext()))))).toBe("invalid_request");
    }
    expect(refusals).toBe(3);
  });
});
