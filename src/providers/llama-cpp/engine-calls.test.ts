import { describe, expect, it } from "vitest";
import { defaultLimits } from "../../core/limits.ts";
import { fault, reasonOf } from "../../core/reasons.ts";
import type { ToEngine } from "../../engine/protocol/messages.ts";
import type { EngineQuestion } from "../../engine/protocol/questions.ts";
import { failureOf } from "../../testing/collect-events.ts";
import { fakeClock } from "../../testing/fake-clock.ts";
import { userRequest } from "../../testing/sample-request.ts";
import { EngineCalls } from "./engine-calls.ts";
import { Quarantine } from "./quarantine.ts";
import { engineRequest } from "./request.ts";

const asked = engineRequest(userRequest("hello"), { maxTokens: 10, temperature: undefined }, "tenant");
const counted: EngineQuestion = { type: "count", prompt: asked.prompt };

/** Calls of an engine that says nothing by itself, and what it was told. */
function start() {
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
  return { calls, sent };
}

it("takes no more from an engine that heeds no pause", async () => {
  const { calls, sent } = start();
  const events = calls.generate(asked, new AbortController().signal)[Symbol.asyncIterator]();
  const first = events.next();
  await new Promise((resolve) => setImmediate(resolve));
  const text = "x".repeat(64 * 2 ** 20);
  const say = () => calls.receive({ type: "tick", events: [[1, { type: "text", choice: 0, text }]], decodes: [] });
  // The first is read at once, and four more are as much as may be on their way.
  for (let times = 0; times < 5; times++) say();
  expect(sent).toEqual(["generate", "pause"]);
  expect(say).toThrow("it heeds no pause");
  expect((await first).done).toBe(false);
  await events.return?.();
});

describe.each<[string, (calls: EngineCalls, signal: AbortSignal) => Promise<unknown>]>([
  ["a request", (calls, signal) => calls.generate(asked, signal)[Symbol.asyncIterator]().next()],
  ["a question", (calls, signal) => calls.ask(counted, signal)],
])("%s that has just been asked", (_, ask) => {
  it("ends when it is not wanted any more, and never reaches the engine", async () => {
    const { calls, sent } = start();
    const controller = new AbortController();
    const answer = failureOf(ask(calls, controller.signal));
    controller.abort();
    expect(reasonOf(await answer)).toBe("caller_gone");
    expect(sent).toEqual([]);
  });

  it("ends when the engine ends", async () => {
    const { calls, sent } = start();
    const answer = failureOf(ask(calls, new AbortController().signal));
    calls.end(fault("engine_failed", "it is gone"), true);
    expect(reasonOf(await answer)).toBe("engine_failed");
    expect(sent).toEqual([]);
  });
});
