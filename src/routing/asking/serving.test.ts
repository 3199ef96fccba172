import { describe, expect, it } from "vitest";
import type { Reason } from "../../core/reasons.ts";
import { textOf, valuesOf } from "../../testing/collect-events.ts";
import { routed } from "../../testing/routed.ts";
import type { Play } from "../../testing/scripted-target.ts";

const fails = (reason: Reason): Play => ({ fails: reason });
const [a, b] = [{ name: "a" }, { name: "b" }];

describe("what a caller is told of the targets", () => {
  it("says how many were tried", async () => {
    const route = routed([
      { ...a, plays: [fails("provider_error")] },
      { ...b, plays: [fails("provider_malformed")] },
    ]);
    const { error } = await route.call();
    expect(error?.rawMessage).toBe("a fails: provider_error (3 attempts at 2 targets)");
  });

  it("names upstream and model where the route leads to a model that is missing", async () => {
    const route = routed([{ ...a, model: "gone", plays: [{ fails: "model_not_found", says: {} }] }]);
    const { error } = await route.call();
    expect(error?.rawMessage).toBe('a has no model "gone": check the route that leads there');
  });

  it("names the model that served where it is another than the route's first", async () => {
    const route = routed([
      { ...a, plays: [fails("provider_malformed")] },
      { ...b, model: "other", plays: ["ok"], isOtherModel: true },
    ]);
    const { events } = await route.call();
    expect(valuesOf(events, "started")[0]).toMatchObject({ answerModel: "other", model: "other", attempt: 2, isFallback: true });
  });

  it("names the upstream where that chooses the other model itself", async () => {
    const route = routed([
      { ...a, plays: [fails("provider_malformed")] },
      { ...b, model: "default", plays: ["ok"], isOtherModel: true },
    ]);
    expect(valuesOf((await route.call()).events, "started")[0]).toMatchObject({ answerModel: "b", model: "default" });
  });

  it("repeats the name asked for where a fallback has the same model under another name", async () => {
    const route = routed([
      { ...a, plays: [fails("provider_malformed")] },
      { ...b, model: "its-name-there", plays: ["ok"] },
    ]);
    const { events } = await route.call();
    expect(valuesOf(events, "started")[0]).toMatchObject({ answerModel: "alias", model: "its-name-there" });
  });

  it("logs each use of a fallback", async () => {
    const route = routed([
      { ...a, plays: [fails("provider_malformed")] },
      { ...b, plays: ["ok"] },
    ]);
    await route.call();
    expect(route.lines.filter(({ level }) => level === "warn")).toEqual([
      {
        level: "warn",
        message: "a fallback serves",
        facts: { requestId: "request-1", provider: "b", model: "m", reason: "provider_malformed", insteadOf: "a/m" },
      },
    ]);
  });

  it("are named in errors, whatever metrics call their model", async () => {
    const route = routed([{ ...a, model: "gone", plays: [fails("model_not_found")], target: { label: "other" } }]);
    expect((await route.call()).error?.rawMessage).toBe('a has no model "gone": check the route that leads there');
  });

  it("stops at the limit of attempts", async () => {
    const keys = [1, 2].map((key) => ({ ...a, key, rank: 0, plays: [fails("provider_rate_limited")] }));
    const route = routed(keys, { limits: { maxAttempts: 4 } });
    const { error } = await route.call();
    expect(route.asked()).toHaveLength(4);
    expect(error?.rawMessage).toBe("a fails: provider_rate_limited (4 attempts at 2 targets; limits.maxAttempts is 4)");
  });

  it("passes on the progress of every attempt, and tries others after it", async () => {
    const route = routed([{ ...a, plays: ["progress"] }]);
    const { events } = await route.call();
    expect(valuesOf(events, "progress")).toHaveLength(1);
    expect(textOf(events)).toBe("ok");
  });
});
