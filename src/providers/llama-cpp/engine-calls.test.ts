import { expect, it } from "vitest";
import { defaultLimits } from "../../core/limits.ts";
import type { ToEngine } from "../../engine/protocol/messages.ts";
import { fakeClock } from "../../testing/fake-clock.ts";
import { userRequest } from "../../testing/sample-request.ts";
import { EngineCalls } from "./engine-calls.ts";
import { Quarantine } from "./quarantine.ts";
import { engineRequest } from "./request.ts";

it("takes no more from an engine that heeds no pause", async () => {
  const clock = fakeClock();
  const sent: ToEngine["type"][] = [];
  const calls = new EngineCalls({
    model: "m",
    limits: defaultLimits,
    clock,
    observer: { decoded() {}, queued() {}, waited() {}, loaded() {}, restarted() {} },
    quarantine: new Quarantine({ clock, limits: defaultLimits }),
    send: ({ type }) => sent.push(type),
  });
  const asked = engineRequest(userRequest("hello"), { maxTokens: 10, temperature: undefined }, "tenant");
  const events = calls.generate(asked, new AbortController().signal);
  const first = events.next();
  await new Promise((resolve) => setImmediate(resolve));
  const text = "x".repeat(64 * 2 ** 20);
  const say = () => calls.receive({ type: "tick", events: [[1, { type: "text", choice: 0, text }]], decodes: [] });
  // The first is read at once, and four more are as much as may be on their way.
  for (let times = 0; times < 5; times++) say();
  expect(sent).toEqual(["generate", "pause"]);
  expect(say).toThrow("it heeds no pause");
  expect((await first).done).toBe(false);
  await events.return(undefined);
});
