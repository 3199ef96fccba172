import type { Secret } from "./secret.ts";

/** Kinds of upstreams: what an API speaks and where it differs. */
export const upstreamKinds = [
  "openai",
  "anthropic",
  "ollama",
  "huggingface",
  "vllm",
  "lan",
  "deepseek",
  "openrouter",
  "lmstudio",
  "llama-server",
  "parley",
  "raw",
] as const;

/** One of them. */
export type UpstreamKind = (typeof upstreamKinds)[number];

/** What may become of an answer whose caller left before its end. */
export const disconnectPolicies = ["estimate", "none", "drain"] as const;

/** What becomes of it. */
export type DisconnectPolicy = (typeof disconnectPolicies)[number];

/** What may become of names of models that nobody has, at the upstream that is the default provider. */
export const unknownModelsPolicies = ["pass", "default"] as const;

/** What becomes of them: it is asked for them as they stand, or its default model answers. */
export type UnknownModels = (typeof unknownModelsPolicies)[number];

/** Time limits of an upstream, ms. */
export interface UpstreamTimes {
  /** Connecting, TLS included. */
  readonly connectMs: number;
  /** A whole answer, from the request to its last byte. */
  readonly wholeMs: number;
  /** From the request to the first content of a stream; its headers alone do not count. */
  readonly firstTokenMs: number;
  /** Between two events of a stream that has started. */
  readonly idleMs: number;
  /** An attempt in all. */
  readonly totalMs: number;
}

/** What a model's tokens cost, in currency units per million. */
export interface Price {
  readonly prompt: number;
  readonly completion: number;
  readonly cached: number;
  readonly cacheWrite: number;
}

/** One upstream as it was configured, with every default filled in. */
export interface UpstreamSettings {
  /** How targets, metrics and errors name it. */
  readonly name: string;
  readonly kind: UpstreamKind;
  /** Without a slash at its end; `host:port` or a URL for a Parley. */
  readonly baseUrl: string;
  /** One target each; empty: it wants none. */
  readonly apiKeys: readonly Secret[];
  /** Asked for when a request names no model; empty: whatever it serves, which its kind does unasked; undefined: a request must name one. */
  readonly defaultModel: string | undefined;
  readonly times: UpstreamTimes;
  /** By the model's name there; `*` speaks for all others. */
  readonly prices: Readonly<Record<string, Price>>;
  readonly disconnect: DisconnectPolicy;
  /** Whether callers may bring their own key. */
  readonly takesCallerKeys: boolean;
  /** Attempts that it serves at once, over all its targets; undefined: `limits.targetConcurrency`. */
  readonly concurrency: number | undefined;
  /** Ids that may be asked for without its name before them; all others still answer with it. */
  readonly models: readonly string[];
  readonly unknownModels: UnknownModels;
  /** Sent with every request; none carries a key. */
  readonly headers: Readonly<Record<string, string>>;
  /** What it does differently from its kind, by name of the quirk. */
  readonly quirks: Readonly<Record<string, string>>;
}

/** A proxy for requests that leave this machine. */
export interface ProxySettings {
  readonly http: Secret | undefined;
  readonly https: Secret | undefined;
  /** Hosts that are reached without one, as `NO_PROXY` lists them. */
  readonly none: string | undefined;
}
