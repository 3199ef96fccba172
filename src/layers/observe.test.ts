import { describe, expect, it } from "vitest";
import type { ChatEvent, ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import { chatKind } from "../core/kinds.ts";
import type { Call } from "../core/context.ts";
import type { ChargeOf } from "../core/prices.ts";
import type { Log } from "../core/ports.ts";
import { fault } from "../core/reasons.ts";
import type { Generate } from "../core/work.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import { answer } from "../testing/answers.ts";
import { testContext } from "../testing/call-context.ts";
import { eventsOf, failureOf } from "../testing/collect-events.ts";
import { fakeClock } from "../testing/fake-clock.ts";
import { userRequest } from "../testing/sample-request.ts";
import { observe } from "./observe.ts";

type Line = readonly [level: string, message: string, facts: Readonly<Record<string, unknown>>];

const setUp = (work: Generate, chargeOf?: ChargeOf) => {
  const lines: Line[] = [];
  const write =
    (level: string) =>
    (message: string, facts: Readonly<Record<string, unknown>> = {}) =>
      void lines.push([level, message, facts]);
  const log: Log = { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
  const metrics = createMetrics();
  const clock = fakeClock();
  const request = userRequest("a secret", { model: "asked" });
  const context = testContext(request, { startedMs: clock.now() });
  context.record.target = { provider: "p", model: "served", label: "served" };
  const layer: Generate = observe({ clock, log, metrics, chargeOf })(work, chatKind);
  return {
    lines,
    metrics,
    clock,
    context,
    run: (given: ChatRequest = request, call: Partial<Call> = {}): AsyncIterable<ChatEvent> => layer(given, { ...context, ...call }),
  };
};
const saying = (words: readonly string[]): Generate =>
  async function* () {
    yield* answer(words);
  };

describe("observe", () => {
  it("writes one line a call, with latency and tokens, never the prompt", async () => {
    const { lines, context, run } = setUp(saying(["one", "two"]));
    await eventsOf(run());
    expect(lines).toHaveLength(1);
    expect(lines[0]?.[2]).toMatchObject({
      requestId: "request-1",
      model: "asked",
      provider: "p",
      servedModel: "served",
      status: "ok",
      promptTokens: 3,
      completionTokens: 2,
    });
    expect(JSON.stringify(lines)).not.toContain("secret");
    expect(context.record.isLogged).toBe(true);
  });

  it("counts calls, tokens and time by target, under the names that older dashboards use", async () => {
    const { metrics, run } = setUp(saying(["one", "two"]));
    await eventsOf(run());
    const { body } = await metrics.text();
    expect(body).toContain('llm_requests_total{provider="p",model="served",status="ok"} 1');
    expect(body).toContain('llm_tokens_total{provider="p",model="served",type="completion"} 2');
    expect(body).toMatch(/llm_tokens_generated_total 2[\s\S]*llm_tokens_prompt_total 3/);
    expect(body).toContain('llm_time_to_first_token_seconds_count{provider="p",model="served"} 1');
  });

  it("tells what the caller is charged for what it received, by the target that served it", async () => {
    const chargeOf: ChargeOf = ({ provider }, { promptTokens, completionTokens }) =>
      provider === "p" ? promptTokens + completionTokens / 8 : undefined;
    const whole = setUp(saying(["one", "two"]), chargeOf);
    await eventsOf(whole.run());
    expect(whole.lines[0]?.[2]).toMatchObject({ cost: 3.25 });
    expect((await whole.metrics.text()).body).toContain('llm_charged_cost_total{provider="p",model="served"} 3.25');
    const cut = setUp(async function* () {
      yield* answer(["one", "two"]).slice(0, 3);
      throw fault("provider_truncated", "cut");
    }, chargeOf);
    await failureOf(eventsOf(cut.run()));
    expect(cut.lines[0]?.[2]).toMatchObject({ cost: 6.25, completionTokens: 2, usage: "partial" });
    const own = setUp(saying(["one", "two"]), chargeOf);
    await eventsOf(own.run(undefined, { upstreamKey: "sk-callers" }));
    expect(own.lines[0]?.[2]?.["cost"]).toBeUndefined();
  });

  it("never makes a label of a name that leads nowhere", async () => {
    const { metrics, context, lines, run } = setUp(() => {
      throw fault("model_not_found", "no");
    });
    context.record.target = undefined;
    await failureOf(eventsOf(run(userRequest("x", { model: "unheard-of" }))));
    const { body } = await metrics.text();
    expect(body).toContain('llm_requests_total{provider="none",model="none",status="model_not_found"} 1');
    expect(body).not.toContain("unheard-of");
    expect(body).toContain('llm_errors_total{type="model_not_found"} 1');
    expect(lines.map(([level]) => level)).toEqual(["info"]);
  });

  it("tells a fault of ours as an error, with its cause", async () => {
    const cause = new Error("the reason");
    const { lines, run } = setUp(async function* () {
      throw cause;
    });
    await failureOf(eventsOf(run()), Error);
    expect(lines[0]?.[0]).toBe("error");
    const { error } = lines[0]?.[2] ?? {};
    expect((error as Error).cause).toBe(cause);
  });

  it("tells a consumer that left", async () => {
    const { lines, run } = setUp(saying(["one", "two"]));
    for await (const _ of run()) break;
    expect(lines[0]?.[2]).toMatchObject({ status: "caller_gone" });
  });

  it("tells how much a call that was cut off had written at least", async () => {
    const { lines, metrics, run } = setUp(async function* () {
      yield* answer(["one", "two", "three"]).slice(0, 3);
      throw fault("engine_failed", "gone");
    });
    await failureOf(eventsOf(run()));
    expect(lines[0]?.[2]).toMatchObject({ status: "engine_failed", completionTokens: 2, usage: "partial" });
    expect(lines[0]?.[2]?.["promptTokens"]).toBeUndefined();
    expect((await metrics.text()).body).toContain("llm_tokens_generated_total 2");
  });
});
