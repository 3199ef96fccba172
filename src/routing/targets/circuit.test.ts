import { describe, expect, it } from "vitest";
import { defaultLimits } from "../../core/limits.ts";
import { fault } from "../../core/reasons.ts";
import { fakeClock } from "../../testing/fake-clock.ts";
import { routed, type Routed, type Scripted } from "../../testing/routed.ts";
import type { Play } from "../../testing/scripted-target.ts";
import { Circuit } from "./circuit.ts";

function circuitInTime() {
  const clock = fakeClock();
  const changes: string[] = [];
  const circuit = new Circuit({ clock, limits: defaultLimits, onChange: (state) => changes.push(state) });
  const succeed = () => {
    const trial = circuit.begin();
    circuit.succeeded(trial);
    circuit.ended(trial);
  };
  const fail = () => circuit.failed(circuit.begin());
  const times = (count: number, act: () => void) => Array.from({ length: count }).forEach(act);
  return { clock, circuit, changes, succeed, fail, times };
}

describe("a circuit breaker", () => {
  it("opens at the ratio, not below the least number of attempts", () => {
    const { circuit, fail, times } = circuitInTime();
    times(9, fail);
    expect(circuit.state()).toBe("closed");
    fail();
    expect(circuit.state()).toBe("open");
  });

  it("stays closed while fewer fail than the ratio says, and opens soon after a busy time when all do", () => {
    const { circuit, succeed, fail, times } = circuitInTime();
    times(500, () => (fail(), succeed(), succeed()));
    expect([circuit.state(), circuit.recent().attempts]).toEqual(["closed", 50]);
    times(25, fail);
    expect(circuit.state()).toBe("open");
  });

  it("forgets what is older than its window", () => {
    const { clock, circuit, fail, times } = circuitInTime();
    times(9, fail);
    clock.advance(defaultLimits.breakerWindowMs + 1);
    fail();
    expect([circuit.state(), circuit.recent()]).toEqual(["closed", { attempts: 1, failed: 1 }]);
  });

  it("lets one probe through at a time when its wait is over, and closes when that succeeds", () => {
    const { clock, circuit, fail, times, changes } = circuitInTime();
    times(10, fail);
    expect(circuit.isAskable()).toBe(false);
    clock.advance(defaultLimits.breakerOpenMs);
    expect([circuit.state(), circuit.isAskable()]).toEqual(["half-open", true]);
    const probe = circuit.begin();
    expect([probe.isProbe, circuit.isAskable(), circuit.begin().isProbe]).toEqual([true, false, false]);
    circuit.succeeded(probe);
    expect([circuit.state(), circuit.recent(), changes]).toEqual(["closed", { attempts: 1, failed: 0 }, ["open", "closed"]]);
  });

  it("gives the probe's place back when that says nothing", () => {
    const { clock, circuit, fail, times } = circuitInTime();
    times(10, fail);
    clock.advance(defaultLimits.breakerOpenMs);
    circuit.ended(circuit.begin());
    expect(circuit.isAskable()).toBe(true);
  });

  it("waits longer each time its probe fails, up to a bound", () => {
    const { clock, circuit, fail, times } = circuitInTime();
    times(10, fail);
    const waits: number[] = [];
    for (let round = 0; round < 8; round++) {
      let waitedMs = 0;
      for (; !circuit.isAskable(); waitedMs += 1000) clock.advance(1000);
      waits.push(waitedMs);
      fail();
    }
    expect(waits).toEqual([5000, 10_000, 20_000, 40_000, 80_000, 120_000, 120_000, 120_000]);
  });

  it("counts an answer that broke off after it had started as failed alone", () => {
    const { circuit } = circuitInTime();
    for (let count = 0; count < 10; count++) {
      const trial = circuit.begin();
      circuit.succeeded(trial);
      circuit.failed(trial);
    }
    expect([circuit.recent(), circuit.state()]).toEqual([{ attempts: 10, failed: 10 }, "open"]);
  });
});

const dead: Play = { fails: "provider_unavailable" };

describe("a target whose circuit is open", () => {
  const stops = (plays: readonly Play[]): Scripted[] => [
    { name: "a", model: "sick", plays },
    { name: "b", plays: ["ok"] },
  ];

  it("comes behind the others, gets a probe, and then its place again", async () => {
    const route = routed(stops([...Array.from({ length: 10 }, () => dead), "ok"]));
    for (let call = 0; call < 10; call++) await route.call();
    expect(route.routing.health.healthOf("a")).toEqual({ isAvailable: false, breaker: "open", errorRate: 1 });
    await route.call();
    expect(route.asked().slice(20)).toEqual(["b"]);
    route.clock.advance(defaultLimits.breakerOpenMs);
    expect(route.routing.health.healthOf("a")).toMatchObject({ isAvailable: true, breaker: "half-open" });
    await route.call();
    await route.call();
    expect(route.asked().slice(21)).toEqual(["a", "a"]);
    expect(route.routing.health.healthOf("a")).toMatchObject({ isAvailable: true, breaker: "closed" });
    expect(route.lines.map(({ message }) => message).filter((message) => message.startsWith("a target"))).toEqual([
      "a target fails too often, and is asked after others for a while",
      "a target that failed answers again",
    ]);
  });

  const patient = async (route: Routed, ms: number, how: "deadline" | "leaves") => {
    const leaving = new AbortController();
    const reason = fault(how === "deadline" ? "deadline_exceeded" : "caller_gone", "over");
    route.clock.after(ms, () => leaving.abort(reason));
    await route.call({ signal: leaving.signal, ...(how === "deadline" && { deadlineMs: route.clock.now() + ms }) });
  };

  it("was silent until the deadlines of its callers, which are shorter than any limit of its own", async () => {
    const route = routed(stops(["silent"]));
    for (let call = 0; call < 10; call++) await patient(route, 1500, "deadline");
    expect(route.asked()).toHaveLength(10);
    await patient(route, 1500, "deadline");
    expect(route.asked().slice(10)).toEqual(["b"]);
  });

  it("was not silent for callers that left, nor for those in a hurry, nor where they had waited in a queue of ours", async () => {
    const route = routed(stops(["silent"]));
    for (let call = 0; call < 12; call++) await patient(route, 1500, "leaves");
    for (let call = 0; call < 12; call++) await patient(route, 900, "deadline");
    const queued = routed([{ name: "a", plays: ["queued"] }]);
    for (let call = 0; call < 12; call++) await patient(queued, 1500, "deadline");
    for (const { routing } of [route, queued])
      expect(routing.health.healthOf("a")).toMatchObject({ breaker: "closed", errorRate: undefined });
  });

  it("is asked all the same when it is the only one", async () => {
    const route = routed([{ name: "a", plays: [dead] }], { limits: { maxAttempts: 1 } });
    for (let call = 0; call < 20; call++) await route.call();
    expect(route.asked()).toHaveLength(20);
  });

  it("does not shut another model of its upstream", async () => {
    const route = routed([
      { name: "a", model: "sick", plays: [dead] },
      { name: "a", model: "healthy", plays: ["ok"] },
    ]);
    for (let call = 0; call < 12; call++) await route.call();
    expect(route.routing.health.healthOf("a")).toMatchObject({ isAvailable: true, breaker: "open", errorRate: expect.closeTo(10 / 22) });
    expect(route.score.attempts.at(-1)?.request.model).toBe("healthy");
  });

  it.each<[string, Play]>([
    ["the caller's errors", { fails: "invalid_request" }],
    ["rate limits", { fails: "provider_rate_limited" }],
    ["full queues", { fails: "queue_full" }],
  ])("is not opened by %s", async (_what, play) => {
    const route = routed([{ name: "a", plays: [play] }], { limits: { maxAttempts: 1 } });
    for (let call = 0; call < 20; call++) await route.call();
    expect(route.routing.health.healthOf("a")).toMatchObject({ breaker: "closed" });
  });
});
