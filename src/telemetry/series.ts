import type { Metric, MetricValue, Registry } from "prom-client";

/** Labels of one series, in the order in which they are written. */
export type Labels = Readonly<Record<string, string>>;

/** A number that only grows, under labels that are settled once: prom-client's own counter sorts and joins the labels at every step, which costs as much as the rest of a call's end. */
export class Count {
  readonly labels: Labels;
  value = 0;

  constructor(labels: Labels) {
    this.labels = labels;
  }
}

/** How often a value fell into each bucket, under labels that are settled once. */
export class Spread {
  readonly labels: Labels;
  readonly #bounds: readonly number[];
  /** Of each bucket alone, the last for what is above all bounds. */
  readonly #counts: number[];
  #sum = 0;

  constructor(labels: Labels, bounds: readonly number[]) {
    this.labels = labels;
    this.#bounds = bounds;
    this.#counts = [...bounds.map(() => 0), 0];
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    let index = 0;
    while (index < bounds.length && value > bounds[index]!) index++;
    this.#counts[index]!++;
    this.#sum += value;
  }

  /** What Prometheus is told: buckets that each hold those below, the sum and the count. */
  values(name: string): MetricValue<string>[] {
    let below = 0;
    const buckets = this.#counts.map((count, index) => {
      below += count;
      return { metricName: `${name}_bucket`, labels: { le: this.#bounds[index] ?? "+Inf", ...this.labels }, value: below };
    });
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels: this.labels, value: this.#sum },
      { metricName: `${name}_count`, labels: this.labels, value: below },
    ] as MetricValue<string>[];
  }
}

/** A metric with all its series. */
export interface Family {
  readonly name: string;
  readonly help: string;
}

/** Has a registry write counts. `all` is asked whenever it does. */
export function registerCounts(registry: Registry, family: Family, all: () => Iterable<Count>): void {
  register(registry, { ...family, type: "counter" }, () => Array.from(all(), ({ labels, value }) => ({ labels, value })));
}

/** Has a registry write spreads. `all` is asked whenever it does. */
export function registerSpreads(registry: Registry, family: Family, all: () => Iterable<Spread>): void {
  register(registry, { ...family, type: "histogram" }, () => Array.from(all()).flatMap((spread) => spread.values(family.name)));
}

function register(registry: Registry, facts: Family & { readonly type: string }, values: () => readonly MetricValue<string>[]): void {
  const metric = { ...facts, get: async () => ({ ...facts, aggregator: "sum", values: values() }) };
  registry.registerMetric(metric as unknown as Metric);
}
