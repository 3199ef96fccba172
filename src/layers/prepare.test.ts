import { describe, expect, it } from "vitest";
import type { ChatEvent, ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import { started } from "../core/events.ts";
import { fault, reasonOf } from "../core/reasons.ts";
import { testContext } from "../testing/call-context.ts";
import { failureOf } from "../testing/collect-events.ts";
import { fakeClock } from "../testing/fake-clock.ts";
import { userRequest } from "../testing/sample-request.ts";
import { script } from "../testing/script.ts";
import { accept } from "./accept.ts";
import { prepare } from "./prepare.ts";

const request = userRequest("hi", { model: "m" });

describe("what a call wants done first", () => {
  const setUp = () => {
    const clock = fakeClock();
    const inner = script<ChatRequest, ChatEvent>();
    const work = Promise.withResolvers<void>();
    const context = { ...testContext(request), isWhole: false, prepare: () => work.promise };
    const events = accept({ clock, holdMs: 5000, newId: () => "chatcmpl-1" })(prepare(inner.work))(request, context);
    return { clock, inner, work, events: events[Symbol.asyncIterator]() };
  };

  it("keeps no stream waiting for its headers, and the work waiting", async () => {
    const { clock, inner, work, events } = setUp();
    const first = events.next();
    clock.advance(5000);
    expect(((await first).value as ChatEvent).event.case).toBe("accepted");
    const second = events.next();
    work.resolve();
    (await inner.next()).give(started("p", "m"));
    expect(((await second).value as ChatEvent).event.case).toBe("started");
  });

  it("has its own status where it fails, and nothing is asked", async () => {
    const { work, events } = setUp();
    const first = events.next();
    work.reject(fault("permission_denied", "no"));
    expect(reasonOf(await failureOf(first))).toBe("permission_denied");
  });

  it("is nothing for most calls, whose work is the inner one itself", () => {
    const events = (async function* none(): AsyncGenerator<ChatEvent, void, undefined> {})();
    expect(prepare(() => events)(request, testContext(request))).toBe(events);
  });
});
