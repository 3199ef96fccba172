import type { Registry } from "prom-client";
import type { Usage } from "../../gen/parley/v1/usage_pb.ts";
import { durationBuckets, tokenBuckets } from "./buckets.ts";
import { Count, registerCounts, registerSpreads, Spread, type Labels } from "./series.ts";

/** What a call's end tells the metrics. */
export interface CallFacts {
  /** Of the target that was chosen; undefined when none was: an unknown name never becomes a label. */
  readonly target: { readonly provider: string; readonly label: string } | undefined;
  /** `ok`, or the error's reason. */
  readonly status: string;
  readonly durationMs: number;
  /** From the start to the first content; undefined when there was none. */
  readonly firstTokenMs: number | undefined;
  /** At the provider; undefined when unknown. */
  readonly inferenceMs: number | undefined;
  readonly usage: Usage | undefined;
  /** What the caller is charged for it, in units of the price table; undefined: no price is known. */
  readonly cost: number | undefined;
}

/** All that is counted of one target. */
class TargetSeries {
  readonly #labels: Labels;
  readonly statuses = new Map<string, Count>();
  readonly tokens = new Map<string, Count>();
  readonly charged: Count;
  readonly duration: Spread;
  inference: Spread | undefined;
  firstToken: Spread | undefined;
  perToken: Spread | undefined;

  constructor(labels: Labels) {
    this.#labels = labels;
    this.charged = new Count(labels);
    this.duration = new Spread(labels, durationBuckets);
  }

  status(status: string): Count {
    return this.statuses.get(status) ?? added(this.statuses, status, { ...this.#labels, status });
  }

  observeInference(seconds: number): void {
    (this.inference ??= new Spread(this.#labels, durationBuckets)).observe(seconds);
  }

  observeTokens({ usage, durationMs, firstTokenMs }: CallFacts & { readonly usage: Usage }): void {
    const { promptTokens, completionTokens, cachedTokens = 0, reasoningTokens = 0 } = usage;
    this.#token("prompt").value += promptTokens;
    this.#token("completion").value += completionTokens;
    if (cachedTokens > 0) this.#token("cached").value += cachedTokens;
    if (reasoningTokens > 0) this.#token("reasoning").value += reasoningTokens;
    if (firstTokenMs === undefined) return;
    (this.firstToken ??= new Spread(this.#labels, durationBuckets)).observe(firstTokenMs / 1000);
    if (completionTokens < 2) return;
    (this.perToken ??= new Spread(this.#labels, tokenBuckets)).observe((durationMs - firstTokenMs) / 1000 / (completionTokens - 1));
  }

  #token(type: string): Count {
    return this.tokens.get(type) ?? added(this.tokens, type, { ...this.#labels, type });
  }
}

function added(counts: Map<string, Count>, key: string, labels: Labels): Count {
  const fresh = new Count(labels);
  counts.set(key, fresh);
  return fresh;
}

/** Metrics of calls. The first seven names are those that dashboards of the older services use. */
export function callMetrics(registry: Registry): (facts: CallFacts) => void {
  const targets = new Map<string, Map<string, TargetSeries>>();
  const [prompt, generated, errors] = [new Count({}), new Count({}), new Map<string, Count>()];
  const all = () => [...targets.values()].flatMap((models) => [...models.values()]);
  const counts = (name: string, help: string, of: () => Iterable<Count>) => registerCounts(registry, { name, help }, of);
  const spread = (name: string, help: string, of: (series: TargetSeries) => Spread | undefined) => {
    const values = () => all().flatMap((series) => of(series) ?? []);
    registerSpreads(registry, { name, help }, values);
  };

  counts("llm_requests_total", "Calls that have ended", () => all().flatMap(({ statuses }) => [...statuses.values()]));
  spread("llm_request_duration_seconds", "Calls, from admission to their end", (series) => series.duration);
  spread("llm_inference_duration_seconds", "Time at the provider", (series) => series.inference);
  const types = "Tokens, by type: prompt, completion, cached, reasoning";
  counts("llm_tokens_total", types, () => all().flatMap(({ tokens }) => [...tokens.values()]));
  counts("llm_charged_cost_total", "What callers are charged for what they received, in units of the price table", () =>
    all().flatMap(({ charged }) => (charged.value > 0 ? [charged] : [])),
  );
  counts("llm_tokens_generated_total", "Tokens written", () => [generated]);
  counts("llm_tokens_prompt_total", "Tokens read", () => [prompt]);
  counts("llm_errors_total", "Calls that failed, by reason", () => errors.values());
  spread("llm_time_to_first_token_seconds", "From admission to the first content", (series) => series.firstToken);
  spread("llm_time_per_output_token_seconds", "Between tokens after the first", (series) => series.perToken);

  return function ended(facts) {
    const { target, status, durationMs, inferenceMs, usage, cost } = facts;
    const series = seriesOf(targets, target?.provider ?? "none", target?.label ?? "none");
    series.status(status).value++;
    series.duration.observe(durationMs / 1000);
    if (status !== "ok") (errors.get(status) ?? added(errors, status, { type: status })).value++;
    if (inferenceMs !== undefined) series.observeInference(inferenceMs / 1000);
    if (cost !== undefined) series.charged.value += cost;
    if (usage === undefined) return;
    prompt.value += usage.promptTokens;
    generated.value += usage.completionTokens;
    series.observeTokens({ ...facts, usage });
  };
}

function seriesOf(targets: Map<string, Map<string, TargetSeries>>, provider: string, model: string): TargetSeries {
  let models = targets.get(provider);
  if (models === undefined) targets.set(provider, (models = new Map()));
  let series = models.get(model);
  if (series === undefined) models.set(model, (series = new TargetSeries({ provider, model })));
  return series;
}
