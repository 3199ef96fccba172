import { describe, expect, it } from "vitest";
import type { ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import type { ChatEvent, ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import { started, text } from "../core/events.ts";
import { chatKind } from "../core/kinds.ts";
import { reasonOf } from "../core/reasons.ts";
import { testContext as contextOf } from "../testing/call-context.ts";
import { eventsOf, failureOf } from "../testing/collect-events.ts";
import { fakeClock } from "../testing/fake-clock.ts";
import { userRequest } from "../testing/sample-request.ts";
import { script } from "../testing/script.ts";
import { timeLimits, type TimeLimitOptions } from "./time-limits.ts";

const request = userRequest("hi");
const turn = () => new Promise((resolve) => setImmediate(resolve));
const metadataOf = (error: ConnectError) => error.findDetails(ErrorInfoSchema)[0]?.metadata;
const testContext = (given = {}) => contextOf(request, given);

describe("timeLimits", () => {
  const setUp = (limits: { firstTokenMs?: number; idleStreamMs?: number } = {}) => {
    const clock = fakeClock();
    const inner = script<ChatRequest, ChatEvent>();
    const layer = timeLimits({
      clock,
      target: "p/m",
      firstTokenMs: limits.firstTokenMs,
      idleStreamMs: limits.idleStreamMs,
    });
    return { clock, inner, events: eventsOf(layer(inner.work, chatKind)(request, testContext())) };
  };

  it("ends a call without a first token in time", async () => {
    const { clock, inner, events } = setUp({ firstTokenMs: 100 });
    (await inner.next()).give(started("p", "m"));
    clock.advance(100);
    expect(reasonOf(await failureOf(events))).toBe("provider_timeout");
  });

  it("lets a call go on that has had its first token in time", async () => {
    const { clock, inner, events } = setUp({ firstTokenMs: 100 });
    const call = await inner.next();
    call.give(text(0, "a"));
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(1000);
    call.end();
    expect(await events).toHaveLength(1);
  });

  it("takes no timer for a stream that nobody reads", () => {
    const clock = fakeClock();
    const layer = timeLimits({ clock, target: "p/m", firstTokenMs: 100, idleStreamMs: 100 });
    layer(script<ChatRequest, ChatEvent>().work, chatKind)(request, testContext());
    expect(clock.pending()).toBe(0);
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
    expect(reasonOf(await failureOf(events))).toBe("provider_timeout");
  });

  it("does not blame the target for a reader that takes its time", async () => {
    const clock = fakeClock();
    const inner = script<ChatRequest, ChatEvent>();
    const layer = timeLimits({ clock, target: "p/m", firstTokenMs: undefined, idleStreamMs: 100 });
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
    expect(reasonOf(await failureOf(late))).toBe("provider_timeout");
  });

  const setUpWhole = (limits: Partial<TimeLimitOptions>) => {
    const clock = fakeClock();
    const inner = script<ChatRequest, ChatEvent>();
    const layer = timeLimits({ clock, target: "p/m", upstream: "p", firstTokenMs: 100, idleStreamMs: 100, ...limits });
    const context = { ...testContext(), isWhole: true };
    return { clock, inner, events: eventsOf(layer(inner.work, chatKind)(request, context)) };
  };

  it("gives an answer that is read at its end the time of a whole one", async () => {
    const { clock, inner, events } = setUpWhole({ wholeMs: 1000 });
    const call = await inner.next();
    clock.advance(999);
    call.give(text(0, "a"));
    await turn();
    expect(call.context.signal.aborted).toBe(false);
    clock.advance(1);
    expect(metadataOf(await failureOf(events))).toEqual({ limit: "wholeMs", provider: "p" });
  });

  it("ends a stream that goes on for too long, however busy it is", async () => {
    const clock = fakeClock();
    const inner = script<ChatRequest, ChatEvent>();
    const layer = timeLimits({ clock, target: "p/m", upstream: "p", firstTokenMs: 100, idleStreamMs: 100, totalMs: 250 });
    const events = eventsOf(layer(inner.work, chatKind)(request, { ...testContext(), isWhole: false }));
    const call = await inner.next();
    for (let index = 0; index < 3; index++) {
      call.give(text(0, "a"));
      await turn();
      clock.advance(90);
    }
    expect(metadataOf(await failureOf(events))).toEqual({ limit: "totalMs", provider: "p" });
  });

  it("names the upstream's own settings", async () => {
    const clock = fakeClock();
    const inner = script<ChatRequest, ChatEvent>();
    const layer = timeLimits({ clock, target: "p/m", upstream: "p", firstTokenMs: 100, idleStreamMs: 50, totalMs: 1000 });
    const events = eventsOf(layer(inner.work, chatKind)(request, { ...testContext(), isWhole: false }));
    const call = await inner.next();
    call.give(text(0, "a"));
    await turn();
    clock.advance(50);
    const error = await failureOf(events);
    expect(metadataOf(error)).toEqual({ limit: "idleMs", provider: "p" });
    expect(error.rawMessage).toContain("idleSeconds");
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
