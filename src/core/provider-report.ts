// What is told of the providers behind the service.

/** How an upstream fares, over all its targets. */
export interface ProviderHealth {
  /** Whether calls are sent to it. */
  readonly isAvailable: boolean;
  /** The worst of its targets; undefined: it has no breaker. */
  readonly breaker: "closed" | "open" | "half-open" | undefined;
  /** Failed share of recent attempts, 0 to 1; undefined: none recently. */
  readonly errorRate: number | undefined;
}

/** One provider as it stands. */
export interface ProviderReport extends ProviderHealth {
  readonly name: string;
  /** What it speaks, such as `openai` or `llama-cpp`. */
  readonly kind: string;
}

/** What stands behind the service. */
export interface Providers {
  /** By name. */
  list(): readonly ProviderReport[];
  /** Name of the default model's provider; empty when there is no default. */
  defaultProvider(): string;
}
