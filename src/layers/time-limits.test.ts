import { describe, expect, it } from "vitest";
import type { ChatEvent, ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import { started, text } from "../core/events.ts";
import { chatKind } from "../core/kinds.ts";
import { reasonOf } from "../core/reasons.ts";
import { testContext as contextOf } from "../testing/call-context.ts";
import { eventsOf, failureOf } from "../testing/collect-events.ts";
import { fakeClock } from "../testing/fake-clock.ts";
import { userRequest } from "../testing/sample-request.ts";
import { script } from "../testing/script.ts";
import { timeLimits } from "./time-limits.ts";

const request = userRequest("hi");
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

  it("leaves no timer behind", async () => {
    const { clock, inner, events } = setUp({ firstTokenMs: 100, idleStreamMs: 100 });
    const call = await inner.next();
    call.give(text(0, "a"));
    call.end();
    await events;
    expect(clock.pending()).toBe(0);
  });
});
