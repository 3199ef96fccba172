import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Usage } from "../../gen/parley/v1/usage_pb.ts";
import type { EngineObserver } from "../core/ports.ts";

/** What a call's end tells the metrics. */
export interface CallFacts {
  /** Of the target that was chosen; undefined when none was: an unknown name never becomes a label. */
  readonly target: { readonly provider: string; readonly model: string } | undefined;
  /** `ok`, or the error's reason. */
  readonly status: string;
  readonly durationMs: number;
  /** From the start to the first content; undefined when there was none. */
  readonly firstTokenMs: number | undefined;
  /** At the provider; undefined when unknown. */
  readonly inferenceMs: number | undefined;
  readonly usage: Usage | undefined;
}

/** The metrics of one service, and their text. */
export interface Metrics {
  /** A call has ended. */
  ended(facts: CallFacts): void;
  readonly engines: EngineObserver;
  /** Prometheus text. */
  text(): Promise<{ readonly contentType: string; readonly body: string }>;
}

/** Seconds, doubling: the buckets of the GenAI conventions. */
const durationBuckets = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
const tokenBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1];
const sequenceBuckets = [1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 24, 32, 64, 128, 256];

/** Makes the metrics of one service, in a registry of their own. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const calls = callMetrics(registry);
  return {
    ended: calls,
    engines: engineMetrics(registry),
    text: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  };
}

/** Metrics of calls. The first seven names are those that dashboards of the older services use. */
function callMetrics(registry: Registry): (facts: CallFacts) => void {
  const registers = [registry];
  const target = ["provider", "model"] as const;
  const requests = new Counter({ name: "llm_requests_total", help: "Calls that have ended", labelNames: [...target, "status"], registers });
  const duration = new Histogram({
    name: "llm_request_duration_seconds",
    help: "Calls, from admission to their end",
    labelNames: target,
    buckets: durationBuckets,
    registers,
  });
  const inference = new Histogram({
    name: "llm_inference_duration_seconds",
    help: "Time at the provider",
    labelNames: target,
    buckets: durationBuckets,
    registers,
  });
  const tokens = new Counter({
    name: "llm_tokens_total",
    help: "Tokens, by type: prompt, completion, cached, reasoning",
    labelNames: [...target, "type"],
    registers,
  });
  const generated = new Counter({ name: "llm_tokens_generated_total", help: "Tokens written", registers });
  const prompt = new Counter({ name: "llm_tokens_prompt_total", help: "Tokens read", registers });
  const errors = new Counter({ name: "llm_errors_total", help: "Calls that failed, by reason", labelNames: ["type"], registers });
  const firstToken = new Histogram({
    name: "llm_time_to_first_token_seconds",
    help: "From admission to the first content",
    labelNames: target,
    buckets: durationBuckets,
    registers,
  });
  const perToken = new Histogram({
    name: "llm_time_per_output_token_seconds",
    help: "Between tokens after the first",
    labelNames: target,
    buckets: tokenBuckets,
    registers,
  });

  return function ended({ target: chosen, status, durationMs, firstTokenMs, inferenceMs, usage }) {
    const labels = { provider: chosen?.provider ?? "none", model: chosen?.model ?? "none" };
    requests.inc({ ...labels, status });
    duration.observe(labels, durationMs / 1000);
    if (status !== "ok") errors.inc({ type: status });
    if (inferenceMs !== undefined) inference.observe(labels, inferenceMs / 1000);
    if (usage === undefined) return;
    if (firstTokenMs !== undefined) firstToken.observe(labels, firstTokenMs / 1000);
    const { promptTokens, completionTokens, cachedTokens = 0, reasoningTokens = 0 } = usage;
    tokens.inc({ ...labels, type: "prompt" }, promptTokens);
    tokens.inc({ ...labels, type: "completion" }, completionTokens);
    if (cachedTokens > 0) tokens.inc({ ...labels, type: "cached" }, cachedTokens);
    if (reasoningTokens > 0) tokens.inc({ ...labels, type: "reasoning" }, reasoningTokens);
    prompt.inc(promptTokens);
    generated.inc(completionTokens);
    if (firstTokenMs !== undefined && completionTokens > 1)
      perToken.observe(labels, (durationMs - firstTokenMs) / 1000 / (completionTokens - 1));
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
  const restarts = new Counter({
    name: "llm_engine_restarts_total",
    help: "Engine processes that were started anew: after a crash, or since the one before took too much memory",
    labelNames: ["model", "reason"] as const,
    registers,
  });
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
    },
    restarted: (model, _why, reason) => restarts.inc({ model, reason }),
  };
}
