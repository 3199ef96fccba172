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
});
