import { Counter, Gauge, type Registry } from "prom-client";
import type { RouteObserver } from "../core/route-observer.ts";

/** Metrics of what routing does beside asking a target once: all labels are of closed sets. */
export function routeMetrics(registry: Registry): RouteObserver {
  const counter = <Name extends string>(name: string, help: string, more: readonly Name[] = []) =>
    new Counter({ name, help, labelNames: ["provider", "model", ...more] as const, registers: [registry] });
  const further = counter("llm_route_further_attempts_total", "Attempts made since another one failed, by its reason", ["reason"]);
  const conceded = counter("llm_route_conceded_attempts_total", "Attempts made at once without what their target had refused");
  const hedged = counter("llm_route_hedged_attempts_total", "Attempts made beside one that was slow");
  const fallbacks = counter("llm_route_fallbacks_total", "Calls that another than the route's first target served, by why", ["reason"]);
  const withheld = counter("llm_route_withheld_attempts_total", "Attempts not made, by why: budget, wait", ["reason"]);
  const circuits = counter("llm_route_circuit_changes_total", "Circuit breakers that have opened or closed", ["state"]);
  const retired = counter("llm_route_retired_keys_total", "Keys that their upstream has refused, or whose quota is used up");
  const rescues = counter("llm_route_rescues_total", "Answers that broke off, by what became of going on with them", ["outcome"]);
  const waiting = new Gauge({
    name: "llm_upstream_queue_depth",
    help: "Calls that wait for a place at an upstream, which serves as many at once as its concurrency says",
    labelNames: ["provider"] as const,
    registers: [registry],
  });
  return {
    // A series that began at 1 has not grown, for Prometheus: what alerts ask for begins at 0.
    known({ provider, label: model }) {
      circuits.inc({ provider, model, state: "open" }, 0);
      retired.inc({ provider, model }, 0);
    },
    waiting: (provider, count) => waiting.set({ provider }, count),
    further: ({ provider, label: model }, reason) => further.inc({ provider, model, reason }),
    conceded: ({ provider, label: model }) => conceded.inc({ provider, model }),
    hedged: ({ provider, label: model }) => hedged.inc({ provider, model }),
    fellBack: ({ provider, label: model }, reason) => fallbacks.inc({ provider, model, reason }),
    withheld: ({ provider, label: model }, reason) => withheld.inc({ provider, model, reason }),
    circuit: ({ provider, label: model }, state) => circuits.inc({ provider, model, state }),
    retired: ({ provider, label: model }) => retired.inc({ provider, model }),
    rescued: ({ provider, label: model }, outcome) => rescues.inc({ provider, model, outcome }),
  };
}
