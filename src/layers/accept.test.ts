import { describe, expect, it } from "vitest";
import type { ChatEvent, ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import { started } from "../core/events.ts";
import { fault, reasonOf } from "../core/reasons.ts";
import { testContext as contextOf } from "../testing/call-context.ts";
import { fakeClock } from "../testing/fake-clock.ts";
import { userRequest } from "../testing/sample-request.ts";
import { script } from "../testing/script.ts";
import { accept } from "./accept.ts";
import { failureOf } from "../testing/collect-events.ts";

const request = userRequest("hi");
const testContext = (isWhole = false) => ({ ...contextOf(request), isWhole });

describe("accept", () => {
  const setUp = () => {
    const clock = fakeClock();
    const inner = script<ChatRequest, ChatEvent>();
    const layer = accept({ clock, holdMs: 5000, newId: () => "chatcmpl-1" });
    const events = layer(inner.work)(request, testContext())[Symbol.asyncIterator]();
    return { clock, inner, events };
  };
  const kindOf = (result: IteratorResult<ChatEvent>) => (result.done === true ? "done" : result.value.event.case);

  it("throws an error that comes before the hold is over", async () => {
    const { inner, events } = setUp();
    const first = events.next();
    (await inner.next()).end(fault("model_not_found", "no"));
    expect(reasonOf(await failureOf(first))).toBe("model_not_found");
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
    expect(reasonOf(await failureOf(events.next()))).toBe("engine_failed");
  });

  it("says accepted at once to who reads nothing before the end", async () => {
    const clock = fakeClock();
    const inner = script<ChatRequest, ChatEvent>();
    const layer = accept({ clock, holdMs: 5000, newId: () => "chatcmpl-1" });
    const events = layer(inner.work)(request, testContext(true))[Symbol.asyncIterator]();
    expect(kindOf(await events.next())).toBe("accepted");
    expect(clock.pending()).toBe(0);
    const second = events.next();
    (await inner.next()).end(fault("model_not_found", "no"));
    expect(reasonOf(await failureOf(second))).toBe("model_not_found");
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
