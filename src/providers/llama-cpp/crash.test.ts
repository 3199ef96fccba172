import { afterEach, describe, expect, it, vi } from "vitest";
import type { ChatRequest } from "../../../gen/parley/v1/chat_pb.ts";
import { reasonOf } from "../../core/reasons.ts";
import { testContext } from "../../testing/call-context.ts";
import { answerOf, begunAnswer, failureOf, iterate, restOf, textOf, valuesOf } from "../../testing/collect-events.ts";
import { userRequest } from "../../testing/sample-request.ts";
import { tinyProvider, type TinyProvider } from "../../testing/tiny-provider.ts";

// Processes are started, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let tiny: TinyProvider;
afterEach(() => tiny.close());

/** Runs until its prompt is read for the first part, and crashes the process then. */
async function crashWhileReading(request: ChatRequest): Promise<string> {
  const events = iterate(tiny.provider.generate(request, testContext(request)));
  for (;;) {
    const step = await events.next();
    if (step.done === true) throw new Error("it was answered");
    const { event } = step.value;
    if (event.case === "progress" && (event.value.promptTokensDone ?? 0) > 0) break;
  }
  process.kill(tiny.pidOf("tiny"), "SIGSEGV");
  const from = tiny.reports.length;
  const error = await failureOf(restOf(events));
  await tiny.reported(([name, , isLoaded]) => name === "loaded" && isLoaded === true, from);
  return reasonOf(error);
}

describe("a request that crashes a real engine twice", () => {
  it("is refused, and one that was being answered beside it is not", async () => {
    tiny = await tinyProvider({ load: { sequences: 2, contextLength: 2048 } });
    await tiny.library.add("tiny");
    const poison = userRequest("poison ".repeat(250), { model: "tiny", maxTokens: 4, includeProgress: true });
    const beside = userRequest("hello", { model: "tiny", maxTokens: 1000 });
    for (let crash = 0; crash < 2; crash++) {
      const events = await begunAnswer(tiny.provider, beside);
      expect(await crashWhileReading(poison)).toBe("engine_failed");
      await expect(events.next().then(() => restOf(events))).rejects.toThrow();
    }
    const error = await failureOf(answerOf(tiny.provider, poison));
    expect([reasonOf(error), error.code]).toEqual(["quarantined", 9]);
    expect(valuesOf(await answerOf(tiny.provider, beside), "completed")[0]?.usage?.completionTokens).toBe(1000);
    const other = userRequest("poison ".repeat(249), { model: "tiny", maxTokens: 4 });
    expect(textOf(await answerOf(tiny.provider, other))).not.toBe("");
  });
});
