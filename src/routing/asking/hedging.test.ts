import { describe, expect, it } from "vitest";
import { reasonOf } from "../../core/reasons.ts";
import { abortFault, beaten } from "../../core/signals.ts";
import { chatKind } from "../../core/kinds.ts";
import { plainStop } from "../../core/stops.ts";
import { begun } from "../../core/stream.ts";
import { testContext } from "../../testing/call-context.ts";
import { eventsOf, textOf, valuesOf } from "../../testing/collect-events.ts";
import { fakeClock } from "../../testing/fake-clock.ts";
import { routed, type Scripted } from "../../testing/routed.ts";
import { userRequest } from "../../testing/sample-request.ts";
import { newScore, scriptedTarget, whileTimePasses, type Play } from "../../testing/scripted-target.ts";
import { testRouting } from "../../testing/test-routing.ts";

const hedge = { afterMs: 100, percent: 100 };
const pair = (a: readonly Play[], b: readonly Play[]): Scripted[] => [
  { name: "a", plays: a },
  { name: "b", plays: b },
];

describe("a route with hedging", () => {
  it("asks nobody else when the first is fast", async () => {
    const route = routed(pair([{ afterMs: 50 }], ["ok"]), { hedge });
    const { events } = await route.call();
    expect(route.asked()).toEqual(["a"]);
    expect(valuesOf(events, "completed")[0]?.servedBy).toMatchObject({ attempts: 1, hedged: false });
    expect(route.clock.pending()).toBe(0);
  });

  it("asks a second after a while; the first content wins, and the loser is ended with a reason of its own", async () => {
    const route = routed(pair(["silent"], [{ afterMs: 50 }]), { hedge });
    const { events } = await route.call();
    expect(textOf(events)).toBe("ok");
    expect(valuesOf(events, "started")[0]).toMatchObject({ provider: "b", attempt: 2, isFallback: true });
    expect(valuesOf(events, "completed")[0]?.servedBy).toMatchObject({ provider: "b", attempts: 2, retries: 0, hedged: true });
    const [first, second] = route.score.attempts;
    expect(second!.atMs - first!.atMs).toBe(100);
    expect(first!.context.signal.reason).toBe(beaten);
    expect(second!.context.signal.aborted).toBe(false);
    expect([route.score.running, route.score.ended]).toEqual([0, 2]);
    expect(route.lines.map(({ facts }) => facts?.["reason"])).toEqual(["slow"]);
  });

  it("lets the first win when it is faster after all", async () => {
    const route = routed(pair([{ afterMs: 200 }], [{ afterMs: 500 }]), { hedge });
    const { events } = await route.call();
    expect(valuesOf(events, "started")[0]).toMatchObject({ provider: "a", attempt: 1, isFallback: false });
    expect(valuesOf(events, "completed")[0]?.servedBy).toMatchObject({ provider: "a", attempts: 2, hedged: true });
    expect(abortFault(route.score.attempts[1]!.context.signal)).toBe(beaten);
    expect(route.score.running).toBe(0);
  });

  it("goes on with the other when one of the two fails, and asks others when both have", async () => {
    const route = routed([...pair([{ fails: "provider_malformed", inMs: 200 }], [{ afterMs: 500 }])], { hedge });
    expect(valuesOf((await route.call()).events, "started")[0]?.provider).toBe("b");
    const both = routed(
      [...pair([{ fails: "provider_malformed", inMs: 300 }], [{ fails: "provider_timeout", inMs: 100 }]), { name: "c", plays: ["ok"] }],
      { hedge },
    );
    expect(valuesOf((await both.call()).events, "started")[0]?.provider).toBe("c");
    expect(both.asked()).toEqual(["a", "b", "c"]);
    expect(both.score.running).toBe(0);
  });

  it("lets the first answer what the second refuses, and tells its fault where both fail", async () => {
    const refusing: Play = { fails: "invalid_request", inMs: 10 };
    const route = routed(pair([{ afterMs: 300 }], [refusing]), { hedge });
    expect(valuesOf((await route.call()).events, "started")[0]).toMatchObject({ provider: "a", attempt: 1 });
    const both = routed(pair([{ fails: "provider_timeout", inMs: 300 }], [refusing]), { hedge });
    expect(reasonOf((await both.call()).error)).toBe("provider_timeout");
  });

  it("does not ask again who has refused the request", async () => {
    const route = routed(pair([{ fails: "provider_malformed", inMs: 300 }], [{ fails: "invalid_request", inMs: 10 }]), { hedge });
    expect(reasonOf((await route.call()).error)).toBe("provider_malformed");
    expect(route.asked()).toEqual(["a", "b"]);
  });

  it("ends with an error of the caller that the first finds, and ends the second", async () => {
    const route = routed(pair([{ fails: "invalid_request", inMs: 200 }], ["silent"]), { hedge });
    const { error } = await route.call();
    expect(reasonOf(error)).toBe("invalid_request");
    expect([route.score.running, route.score.ended]).toEqual([0, 2]);
  });

  it("tells the progress of the newest attempt alone", async () => {
    const waiting = { afterMs: 300, tellsProgress: true };
    const route = routed(pair([{ afterMs: 200, tellsProgress: true }], [waiting]), { hedge });
    const { events } = await route.call();
    // One of the first before there was a second, one of the second.
    expect(valuesOf(events, "progress")).toHaveLength(2);
    expect(valuesOf(events, "started")[0]?.provider).toBe("a");
  });

  it("hedges no more than its percent of the calls", async () => {
    const route = routed(pair([{ afterMs: 150 }], ["ok"]), { hedge: { afterMs: 100, percent: 10 } });
    for (let call = 0; call < 50; call++) await route.call();
    expect(route.asked().filter((name) => name === "b")).toHaveLength(5);
  });

  it("hedges no more than its own percent, whatever other routes begin at the same target", async () => {
    const clock = fakeClock();
    const score = newScore();
    const target = (provider: string, play: Play) => plainStop(scriptedTarget([play], { clock, score, provider }));
    const stops = [target("a", { afterMs: 150 }), target("b", "ok")];
    const routes = [100, 10].map((percent) => ({ stops, hedge: { afterMs: 100, percent } }));
    const resolve = (name: string) => ({ name, ...routes[name === "much" ? 0 : 1]! });
    const generate = testRouting({ stops: [] }, { clock, resolve }).route(chatKind);
    for (let call = 0; call < 40; call++) {
      const request = userRequest("hi", { model: call % 2 === 0 ? "much" : "little" });
      await whileTimePasses(clock, eventsOf(begun(() => generate(request, testContext(request)))));
    }
    expect(score.attempts.filter((each) => each.target === "b")).toHaveLength(20 + 2);
  });

  it("hedges no continuation, and nothing where there is one target", async () => {
    const route = routed([{ name: "a", plays: [{ afterMs: 500 }] }], { hedge });
    const { events } = await route.call();
    expect(valuesOf(events, "completed")[0]?.servedBy).toMatchObject({ attempts: 1, hedged: false });
  });

  it("ends both when the caller leaves", async () => {
    const route = routed(pair(["silent"], ["silent"]), { hedge });
    const leaving = new AbortController();
    route.clock.after(500, () => leaving.abort());
    const { error } = await route.call({ signal: leaving.signal });
    expect(reasonOf(error)).toBe("caller_gone");
    expect([route.score.running, route.score.ended, route.clock.pending()]).toEqual([0, 2, 0]);
  });
});
