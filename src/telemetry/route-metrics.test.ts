import { describe, expect, it } from "vitest";
import { createMetrics } from "./metrics.ts";

describe("metrics of routing", () => {
  it("count what is done beside asking a target once, by target and reason", async () => {
    const metrics = createMetrics();
    const { routes } = metrics;
    const target = { provider: "p", label: "m" };
    routes.further(target, "provider_error");
    routes.further(target, "provider_error");
    routes.conceded(target);
    routes.hedged(target);
    routes.fellBack(target, "passed_over");
    routes.withheld(target, "budget");
    routes.circuit(target, "open");
    routes.retired(target);
    routes.rescued(target, "continued");
    const { body } = await metrics.text();
    expect(body.split("\n").filter((line) => line.startsWith("llm_route_"))).toEqual([
      'llm_route_further_attempts_total{provider="p",model="m",reason="provider_error"} 2',
      'llm_route_conceded_attempts_total{provider="p",model="m"} 1',
      'llm_route_hedged_attempts_total{provider="p",model="m"} 1',
      'llm_route_fallbacks_total{provider="p",model="m",reason="passed_over"} 1',
      'llm_route_withheld_attempts_total{provider="p",model="m",reason="budget"} 1',
      'llm_route_circuit_changes_total{provider="p",model="m",state="open"} 1',
      'llm_route_retired_keys_total{provider="p",model="m"} 1',
      'llm_route_rescues_total{provider="p",model="m",outcome="continued"} 1',
    ]);
  });

  it("begin at 0 for a target that is known, where an alert asks by how much they grew", async () => {
    const metrics = createMetrics();
    const target = { provider: "p", label: "m" };
    metrics.routes.known(target);
    metrics.routes.waiting("p", 0);
    metrics.routes.retired(target);
    metrics.routes.known(target);
    const { body } = await metrics.text();
    expect(body.split("\n").filter((line) => /^llm_(route|upstream)_/.test(line))).toEqual([
      'llm_route_circuit_changes_total{provider="p",model="m",state="open"} 0',
      'llm_route_retired_keys_total{provider="p",model="m"} 1',
      'llm_upstream_queue_depth{provider="p"} 0',
    ]);
  });
});

describe("metrics of engines", () => {
  it("begin at 0 when a model is loaded, and keep what they have when it is loaded again", async () => {
    const metrics = createMetrics();
    metrics.engines.loaded("m", true, 1);
    metrics.engines.restarted("m", "it ended", "crash");
    metrics.engines.queued("m", 2);
    metrics.engines.loaded("m", true, 1);
    const { body } = await metrics.text();
    expect(body.split("\n").filter((line) => /^llm_(engine_restarts|queue_depth)/.test(line))).toEqual([
      'llm_queue_depth{model="m"} 2',
      'llm_engine_restarts_total{model="m",reason="crash"} 1',
      'llm_engine_restarts_total{model="m",reason="memory"} 0',
    ]);
  });
});
