import type { Registry } from "prom-client";
import { UsageSource, type Usage } from "../../gen/parley/v1/usage_pb.ts";
import type { AttemptRecord } from "../core/books.ts";
import { Count, registerCounts, type Labels } from "./series.ts";

const sources: Readonly<Record<number, string>> = {
  [UsageSource.PROVIDER]: "provider",
  [UsageSource.ESTIMATED]: "estimated",
  [UsageSource.PARTIAL]: "partial",
};

/** Who counted tokens, as metrics and log lines say it. */
export function sourceName({ source }: Usage): string {
  return sources[source] ?? "provider";
}

/** All that is counted of the attempts at one target. */
class AttemptSeries {
  readonly #labels: Labels;
  readonly outcomes = new Map<string, Count>();
  /** By who counted them, then by type. */
  readonly tokens = new Map<string, Map<string, Count>>();
  readonly cost: Count;

  constructor(labels: Labels) {
    this.#labels = labels;
    this.cost = new Count(labels);
  }

  add({ outcome, usage, cost, isCallersKey }: AttemptRecord): void {
    (this.outcomes.get(outcome) ?? counted(this.outcomes, outcome, { ...this.#labels, outcome })).value++;
    if (usage === undefined) return;
    if (cost !== undefined && !isCallersKey) this.cost.value += cost;
    const source = sourceName(usage);
    this.#count(source, "prompt", usage.promptTokens);
    this.#count(source, "completion", usage.completionTokens);
    this.#count(source, "cached", usage.cachedTokens);
    this.#count(source, "cache_write", usage.cacheWriteTokens);
    this.#count(source, "reasoning", usage.reasoningTokens);
  }

  #count(source: string, type: string, tokens = 0): void {
    if (tokens <= 0) return;
    let types = this.tokens.get(source);
    if (types === undefined) this.tokens.set(source, (types = new Map()));
    const known = types.get(type);
    (known ?? counted(types, type, { ...this.#labels, type, source })).value += tokens;
  }
}

/** A count from 0 on. */
function counted(counts: Map<string, Count>, key: string, labels: Labels): Count {
  const fresh = new Count(labels);
  counts.set(key, fresh);
  return fresh;
}

/** Metrics of attempts: what the operator's upstreams did and cost, whoever was charged for it. All labels are of closed sets. */
export function attemptMetrics(registry: Registry): (attempt: AttemptRecord) => void {
  const targets = new Map<string, Map<string, AttemptSeries>>();
  const all = () => [...targets.values()].flatMap((models) => [...models.values()]);
  const counts = (name: string, help: string, of: () => Iterable<Count>) => registerCounts(registry, { name, help }, of);
  counts(
    "llm_attempts_total",
    "Attempts at targets that have ended: ok, lost (another was faster), discarded (it was to go on with an answer, and differed), left (the caller went away) or the error's reason",
    () => all().flatMap(({ outcomes }) => [...outcomes.values()]),
  );
  counts(
    "llm_attempt_tokens_total",
    "Tokens of all attempts, by type (prompt, completion, cached, cache_write, reasoning) and by who counted them",
    () => all().flatMap(({ tokens }) => [...tokens.values()].flatMap((types) => [...types.values()])),
  );
  counts("llm_cost_total", "What attempts with the operator's keys cost, in units of the price table", () =>
    all()
      .map(({ cost }) => cost)
      .filter(({ value }) => value > 0),
  );
  return function recorded(attempt) {
    const { provider, model } = attempt;
    let models = targets.get(provider);
    if (models === undefined) targets.set(provider, (models = new Map()));
    let series = models.get(model);
    if (series === undefined) models.set(model, (series = new AttemptSeries({ provider, model })));
    series.add(attempt);
  };
}
