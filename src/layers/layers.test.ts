import { ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import type { ChatEvent, ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import { started, text } from "../core/events.ts";
import { chatKind } from "../core/kinds.ts";
import { fault, reasonOf, retryAfterMsOf } from "../core/reasons.ts";
import { answer, failure } from "../testing/answers.ts";
import { testContext as contextOf } from "../testing/call-context.ts";
import { eventsOf } from "../testing/collect-events.ts";
import { fakeClock } from "../testing/fake-clock.ts";
import { userRequest } from "../testing/sample-request.ts";
import { script } from "../testing/script.ts";
import { accept } from "./accept.ts";
import { authorizeModel } from "./authorize-model.ts";
import { concurrency } from "./concurrency.ts";
import { sequence } from "./sequence.ts";
import { timeLimits } from "./time-limits.ts";

const request = userRequest("hi");
const testContext = (given = {}) => contextOf(request, given);

describe("sequence", () => {
  it("numbers events from 0 without a hole and leaves the provider's own untouched", async () => {
    const events = answer(["a", "b"]);
    const numbered = await eventsOf(
      sequence(async function* () {
        yield* events;
      })(request, testContext()),
    );
    expect(numbered.map((event) => event.sequence)).toEqual([0, 1, 2, 3, 4]);
    expect(events.every((event) => event.sequence === 0)).toBe(true);
  });
});

describe("accept", () => {
  const setUp = () => {
    const clock = fakeClock();
    const inner = script<ChatRequest, ChatEvent>();
    const layer = accept({ clock, holdMs: 5000, newId: () => "chatcmpl-1", nameOf: (model) => model || "default" });
    const events = layer(inner.work)(request, testContext())[Symbol.asyncIterator]();
    return { clock, inner, events };
  };
  const kindOf = (result: IteratorResult<ChatEvent>) => (result.done === true ? "done" : result.value.event.case);

  it("throws an error that comes before the hold is over", async () => {
    const { inner, events } = setUp();
    const first = events.next();
    (await inner.next()).end(fault("model_not_found", "no"));
    expect(reasonOf(await failure(first))).toBe("model_not_found");
  });

  it("says accepted together with the first inner event", async () => {
    const { clock, inner, events } = setUp();
    const first = events.next();
    (await inner.next()).give(started("p", "m"));
    expect(kindOf(await first)).toBe("accepted");
    expect(kindOf(await events.next())).toBe("started");
    expect(clock.pending()).toBe(0);
  });

  it("says accepted when the hold is over; a later error is in the stream", async () => {
    const { clock, inner, events } = setUp();
    const first = events.next();
    const call = await inner.next();
    clock.advance(5000);
    expect(kindOf(await first)).toBe("accepted");
    call.end(fault("engine_failed", "gone"));
    expect(reasonOf(await failure(events.next()))).toBe("engine_failed");
  });

  it("closes the inner stream when the consumer leaves", async () => {
    const { inner, events } = setUp();
    const first = events.next();
    const call = await inner.next();
    call.give(started("p", "m"));
    await first;
    await events.next();
    await events.return?.();
    await call.closed;
  });
});

describe("authorizeModel", () => {
  const layer = authorizeModel(() => "small")(async function* () {
    yield "x";
  }, chatKind as never) as (r: ChatRequest, c: ReturnType<typeof testContext>) => AsyncIterable<string>;
  const caller = { tenant: "t", keyId: "k", scopes: [], models: ["small"], isLoopback: false };

  it("lets a key use what it lists, the default model by its own name", async () => {
    expect(await eventsOf(layer(request, testContext({ caller })))).toEqual(["x"]);
  });
  it("refuses another model", () => {
    expect(() => layer(request, { ...testContext({ caller }), model: "large" })).toThrow(ConnectError);
  });
  it("lets a caller without a list use any", async () => {
    expect(await eventsOf(layer(request, { ...testContext(), model: "large" }))).toEqual(["x"]);
  });
});

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

  it("refuses at once when the queue is full, and says when to come back", async () => {
    const { inner, open, work } = setUp(1, 1);
    void open();
    void open().catch(() => {});
    await inner.next();
    const error = await failure((async () => eventsOf(work(request, testContext())))());
    expect(reasonOf(error)).toBe("queue_full");
    expect(retryAfterMsOf(error as ConnectError)).toBeGreaterThan(0);
  });

  it("refuses whoever waited too long", async () => {
    const { clock, inner, open } = setUp(1, 1);
    void open();
    const waiting = open();
    await inner.next();
    clock.advance(1000);
    expect(reasonOf(await failure(waiting))).toBe("queue_timeout");
  });

  it("frees the place in the queue of a caller that goes away", async () => {
    const { inner, open } = setUp(1, 1);
    void open();
    await inner.next();
    const leaver = new AbortController();
    const left = open(testContext({ signal: leaver.signal }));
    leaver.abort();
    expect(reasonOf(await failure(left))).toBe("caller_gone");
    const waiting = open();
    inner.calls[0]?.end();
    (await inner.next()).end();
    expect(await waiting).toEqual([]);
  });

  it("gives the permit back when the inner work refuses at once", async () => {
    const clock = fakeClock();
    let refusals = 0;
    const work = concurrency({ clock, target: "p/m", limit: 1, queue: 0, queueMs: 1 })((): AsyncIterable<ChatEvent> => {
      refusals++;
      throw fault("invalid_request", "no");
    }, chatKind);
    for (let time = 0; time < 3; time++) expect(() => work(request, testContext())).toThrow("no");
    expect(refusals).toBe(3);
  });
});

describe("timeLimits", () => {
  const setUp = (limits: { firstTokenMs?: number; idleStreamMs?: number } = {}) => {
    const clock = fakeClock();
    const inner = script<ChatRequest, ChatEvent>();
    const layer = timeLimits({
      clock,
      target: "p/m",
      callMs: 10_000,
      firstTokenMs: limits.firstTokenMs,
      idleStreamMs: limits.idleStreamMs,
    });
    return { clock, inner, events: eventsOf(layer(inner.work, chatKind)(request, testContext())) };
  };

  it("ends a call that takes too long in all, even while it streams", async () => {
    const { clock, inner, events } = setUp();
    (await inner.next()).give(text(0, "a"));
    clock.advance(10_000);
    expect(reasonOf(await failure(events))).toBe("time_limit");
  });

  it("ends a call without a first token, but not one that has it", async () => {
    const late = setUp({ firstTokenMs: 100 });
    const call = await late.inner.next();
    call.give(started("p", "m"));
    late.clock.advance(100);
    expect(reasonOf(await failure(late.events))).toBe("provider_timeout");
  });

  it("counts the idle limit anew from each event", async () => {
    const { clock, inner, events } = setUp({ idleStreamMs: 100 });
    const call = await inner.next();
    for (const word of ["a", "b", "c"]) {
      call.give(text(0, word));
      await new Promise((resolve) => setImmediate(resolve));
      clock.advance(99);
    }
    clock.advance(1);
    expect(reasonOf(await failure(events))).toBe("provider_timeout");
  });

  it("does not blame the target for a reader that takes its time", async () => {
    const clock = fakeClock();
    const inner = script<ChatRequest, ChatEvent>();
    const layer = timeLimits({ clock, target: "p/m", callMs: 10_000, firstTokenMs: undefined, idleStreamMs: 100 });
    const events = layer(inner.work, chatKind)(request, testContext())[Symbol.asyncIterator]();
    const first = events.next();
    const call = await inner.next();
    call.give(text(0, "a"));
    await first;
    clock.advance(1000);
    call.give(text(0, "b"));
    expect((await events.next()).done).toBe(false);
    const late = events.next();
    clock.advance(200);
    expect(reasonOf(await failure(late))).toBe("provider_timeout");
  });

  it("leaves no timer behind", async () => {
    const { clock, inner, events } = setUp({ firstTokenMs: 100, idleStreamMs: 100 });
    const call = await inner.next();
    call.give(text(0, "a"));
    call.end();
    await events;
    expect(clock.pending()).toBe(0);
  });
});
