import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { EngineObserver } from "../core/ports.ts";
import type { RouteObserver } from "../core/route-observer.ts";
import type { AttemptRecord } from "../core/books.ts";
import { attemptMetrics } from "./attempt-metrics.ts";
import { callMetrics, type CallFacts } from "./call-metrics.ts";
import { durationBuckets } from "./buckets.ts";
import { routeMetrics } from "./route-metrics.ts";

/** The metrics of one service, and their text. */
export interface Metrics {
  /** A call has ended. */
  ended(facts: CallFacts): void;
  readonly engines: EngineObserver;
  readonly routes: RouteObserver;
  /** An attempt at a target has ended. */
  attempted(attempt: AttemptRecord): void;
  /** Prometheus text. */
  text(): Promise<{ readonly contentType: string; readonly body: string }>;
}

const sequenceBuckets = [1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 24, 32, 64, 128, 256];

/** How often the lag of the event loop is looked at, ms; its figures begin there. The usual 10 wakes an idle service a hundred times a second, each time on a core that a local model is computing on. */
const loopLookMs = 50;

/** Makes the metrics of one service, in a registry of their own. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: loopLookMs });
  const calls = callMetrics(registry);
  return {
    ended: calls,
    engines: engineMetrics(registry),
    routes: routeMetrics(registry),
    attempted: attemptMetrics(registry),
    text: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  };
}

/** Metrics of local engines. */
function engineMetrics(registry: Registry): EngineObserver {
  const registers = [registry];
  const labelNames = ["model"] as const;
  const loadedModels = new Gauge({ name: "llm_model_loaded", help: "Whether a local model is loaded", labelNames, registers });
  const memory = new Gauge({
    name: "llm_model_memory_bytes",
    help: "Memory of a local model while it is loaded: weights, contexts and buffers of computing",
    labelNames,
    registers,
  });
  const depth = new Gauge({ name: "llm_queue_depth", help: "Calls that wait for a sequence", labelNames, registers });
  const wait = new Histogram({
    name: "llm_queue_wait_seconds",
    help: "Waiting for a sequence",
    labelNames,
    buckets: durationBuckets,
    registers,
  });
  const busy = new Histogram({
    name: "llm_busy_sequences_per_decode",
    help: "Sequences in one decoded batch",
    labelNames,
    buckets: sequenceBuckets,
    registers,
  });
  const active = new Counter({
    name: "llm_active_sequences_total",
    help: "Sequences that were generating, summed over decodes",
    labelNames,
    registers,
  });
  const restarts = restartsIn(registry);
  return {
    decoded(model, busySequences, activeSequences) {
      busy.observe({ model }, busySequences);
      active.inc({ model }, activeSequences);
    },
    queued: (model, count) => depth.set({ model }, count),
    waited: (model, ms) => wait.observe({ model }, ms / 1000),
    loaded(model, isLoaded, memoryBytes) {
      loadedModels.set({ model }, isLoaded ? 1 : 0);
      memory.set({ model }, isLoaded ? memoryBytes : 0);
      if (!isLoaded) return;
      // Who scales or alerts by them must tell none from unknown.
      depth.inc({ model }, 0);
      for (const reason of ["crash", "memory"]) restarts.inc({ model, reason }, 0);
    },
    restarted: (model, _why, reason) => restarts.inc({ model, reason }),
  };
}

function restartsIn(registry: Registry): Counter<"model" | "reason"> {
  return new Counter({
    name: "llm_engine_restarts_total",
    help: "Engine processes that were started anew: after a crash, or since the one before took too much memory",
    labelNames: ["model", "reason"] as const,
    registers: [registry],
  });
}
