import { fault, type FaultOptions, type Reason } from "./reasons.ts";
import type { ConnectError } from "@connectrpc/connect";

/** One limit: what it is unless the configuration says otherwise, and how its breach is answered. */
export interface LimitRow {
  readonly default: number;
  readonly min: number;
  readonly max: number;
  readonly unit: "bytes" | "ms" | "count" | "tokens";
  /** How a breach is answered; undefined where the connection is closed or the limit only paces. */
  readonly reason: Reason | undefined;
  /** What it limits, for the README's table. */
  readonly what: string;
}

const KiB = 1024;
const MiB = 1024 * KiB;
const second = 1000;
const minute = 60 * second;

/** A row: default, range, unit, reason, and what it limits. */
function limit(
  value: number,
  range: readonly [number, number],
  unit: LimitRow["unit"],
  reason: Reason | undefined,
  what: string,
): LimitRow {
  return { default: value, min: range[0], max: range[1], unit, reason, what };
}

/** Every limit of the service. The configuration's `limits.values` may change each by name, within its range. */
export const limits = {
  maxBodyBytes: limit(16 * MiB, [KiB, 1024 * MiB], "bytes", "body_too_large", "a request body or message, decompressed"),
  maxHeaderBytes: limit(16 * KiB, [4 * KiB, MiB], "bytes", undefined, "the headers of a request; beyond it the answer is 431"),
  maxHeaders: limit(100, [32, 2000], "count", undefined, "the number of headers of a request; beyond it the answer is 431"),
  maxConnections: limit(10_000, [1, 1_000_000], "count", undefined, "open connections; further ones are closed"),
  maxConcurrentStreams: limit(1000, [1, 100_000], "count", undefined, "streams of one HTTP/2 connection"),
  firstByteMs: limit(5 * second, [10, 10 * minute], "ms", undefined, "from accepting a connection to its first bytes"),
  headersMs: limit(10 * second, [10, 10 * minute], "ms", "request_timeout", "receiving a request's headers"),
  bodyMs: limit(minute, [10, 60 * minute], "ms", "request_timeout", "receiving a request's body"),
  idleConnectionMs: limit(5 * minute, [10, 24 * 60 * minute], "ms", undefined, "a connection on which nothing runs"),
  maxConnectionAgeMs: limit(
    30 * minute,
    [10, 24 * 60 * minute],
    "ms",
    undefined,
    "an HTTP/2 connection, give or take 10 %: then its client is asked to open another, and the calls that run on it end by themselves",
  ),
  connectionPingMs: limit(
    minute,
    [10, 24 * 60 * minute],
    "ms",
    undefined,
    "between two questions whether the client of an HTTP/2 connection with running calls is still there; one that has not answered until the next is cut off",
  ),
  stalledReaderMs: limit(30 * second, [10, 60 * minute], "ms", "caller_gone", "a stream whose client reads nothing"),
  maxJsonDepth: limit(64, [1, 1000], "count", "malformed_body", "nesting of a JSON body"),
  maxJsonKeys: limit(10_000, [1, 10_000_000], "count", "malformed_body", "keys of one object in a JSON body"),
  maxMessages: limit(2048, [1, 1_000_000], "count", "invalid_request", "messages of a request"),
  maxParts: limit(1024, [1, 1_000_000], "count", "invalid_request", "parts of a message"),
  maxTools: limit(512, [1, 100_000], "count", "invalid_request", "tools of a request"),
  maxStops: limit(16, [1, 1024], "count", "invalid_request", "stop texts of a request"),
  maxStopLength: limit(1024, [1, 64 * KiB], "count", "invalid_request", "characters of a stop text"),
  maxChoices: limit(128, [1, 1024], "count", "invalid_request", "answers to one request"),
  maxLogitBias: limit(1024, [1, 1_000_000], "count", "invalid_request", "entries of a logit bias"),
  maxInputs: limit(2048, [1, 2048], "count", "invalid_request", "inputs of a request for embeddings"),
  maxDocuments: limit(2048, [1, 2048], "count", "invalid_request", "documents of a request to rerank"),
  maxTextBytes: limit(256 * KiB, [KiB, 1024 * MiB], "bytes", "invalid_request", "one text to embed, to rerank or to split into tokens"),
  maxTokenIds: limit(1024 * KiB, [1, 1024 * MiB], "count", "invalid_request", "token ids of one input to embed, or to join into text"),
  headerHoldMs: limit(
    5 * second,
    [0, 10 * minute],
    "ms",
    undefined,
    "how long a stream's headers wait for its first event, so that an early error keeps its status",
  ),
  keepAliveMs: limit(
    15 * second,
    [10, 10 * minute],
    "ms",
    undefined,
    "between keep-alive comments of an SSE stream on which nothing is sent",
  ),
  unaryCallMs: limit(2 * minute, [10, 24 * 60 * minute], "ms", "time_limit", "a call whose answer comes whole"),
  callMs: limit(10 * minute, [10, 24 * 60 * minute], "ms", "time_limit", "a call in all"),
  firstTokenMs: limit(minute, [10, 24 * 60 * minute], "ms", "provider_timeout", "waiting for the first content of a remote target"),
  idleStreamMs: limit(minute, [10, 24 * 60 * minute], "ms", "provider_timeout", "waiting for the next event of a started stream"),
  maxUpstreamHeaderBytes: limit(32 * KiB, [KiB, MiB], "bytes", "provider_malformed", "the headers of an upstream's answer"),
  maxUpstreamBodyBytes: limit(
    64 * MiB,
    [KiB, 1024 * MiB],
    "bytes",
    "provider_malformed",
    "an upstream's answer that comes whole, decompressed",
  ),
  maxUpstreamLineBytes: limit(8 * MiB, [KiB, 1024 * MiB], "bytes", "provider_malformed", "one event or line of an upstream's stream"),
  listModelsMs: limit(5 * second, [10, 10 * minute], "ms", "provider_timeout", "asking an upstream which models it has"),
  keptModelListMs: limit(30 * second, [0, 24 * 60 * minute], "ms", undefined, "how long the list of an upstream's models is kept"),
  askedModels: limit(
    256,
    [1, 100_000],
    "count",
    undefined,
    "models of upstreams that callers name and the configuration does not: the least recently used lose what is known of them, and names beyond the first so many are called `other` in metrics",
  ),
  maxAttempts: limit(8, [1, 100], "count", undefined, "attempts at targets that one call makes, retries and hedges included"),
  retryBaseMs: limit(
    200,
    [1, minute],
    "ms",
    undefined,
    "the pause before a call's second attempt at an upstream; it doubles with each further one, and a random part of it is waited",
  ),
  retryCapMs: limit(5 * second, [1, 10 * minute], "ms", undefined, "such a pause at most"),
  retryWaitMs: limit(
    10 * second,
    [0, 60 * minute],
    "ms",
    undefined,
    "the wait that a call accepts where every upstream left asks for one; it fails at once where they ask for more",
  ),
  restMs: limit(
    24 * 60 * minute,
    [0, 7 * 24 * 60 * minute],
    "ms",
    undefined,
    "a wait that an upstream asks for; beyond it it is asked anyway",
  ),
  keyRetireMs: limit(
    5 * minute,
    [0, 24 * 60 * minute],
    "ms",
    undefined,
    "how long a key that its upstream refuses comes last, and a model that it does not have",
  ),
  breakerWindowMs: limit(30 * second, [10, 60 * minute], "ms", undefined, "attempts at a target that its circuit breaker looks at"),
  breakerAttempts: limit(10, [1, 50], "count", undefined, "attempts in that time below which a circuit breaker never opens"),
  breakerPercent: limit(50, [1, 100], "count", undefined, "percent of those attempts that must fail for a circuit breaker to open"),
  breakerOpenMs: limit(
    5 * second,
    [10, 60 * minute],
    "ms",
    undefined,
    "how long an open circuit breaker waits before it lets one call through; it doubles each time that call fails",
  ),
  breakerOpenCapMs: limit(2 * minute, [10, 24 * 60 * minute], "ms", undefined, "such a wait at most"),
  targetConcurrency: limit(
    1024,
    [1, 1_000_000],
    "count",
    undefined,
    "calls that one upstream, or one model of this machine, serves at once; an upstream may have its own number",
  ),
  targetQueue: limit(1024, [0, 1_000_000], "count", "queue_full", "calls that wait for one upstream, or one model of this machine"),
  targetQueueMs: limit(minute, [0, 24 * 60 * minute], "ms", "queue_timeout", "waiting for one upstream, or one model of this machine"),
  drainReadMs: limit(
    30 * second,
    [10, 60 * minute],
    "ms",
    undefined,
    "how long an answer is read whose caller has left, where the upstream's disconnect policy is drain",
  ),
  engineQueue: limit(256, [0, 1_000_000], "count", "queue_full", "calls that wait for a sequence of a local model"),
  engineQueueMs: limit(5 * minute, [10, 24 * 60 * minute], "ms", "queue_timeout", "waiting for a sequence of a local model"),
  maxLoadedModels: limit(
    8,
    [1, 4096],
    "count",
    undefined,
    "local models in memory at once; the least recently used idle one is unloaded for another",
  ),
  modelMemoryMs: limit(
    minute,
    [0, 24 * 60 * minute],
    "ms",
    "queue_timeout",
    "a load that waits until a busy local model becomes idle, where there is no memory for both",
  ),
  engineLoadMs: limit(10 * minute, [100, 24 * 60 * minute], "ms", "engine_failed", "loading a local model"),
  engineHeaderMs: limit(
    2 * minute,
    [100, 24 * 60 * minute],
    "ms",
    "engine_failed",
    "reading a model file's header, and estimating what the model takes",
  ),
  engineSilenceMs: limit(
    30 * second,
    [100, 60 * minute],
    "ms",
    "engine_failed",
    "an engine process that answers no heartbeat; beyond it the process is killed",
  ),
  engineStepMs: limit(
    2 * minute,
    [100, 60 * minute],
    "ms",
    "engine_failed",
    "one step of a local model, a token of each stream or a chunk of a prompt; beyond it its library is stuck, and the process is killed",
  ),
  engineGrowthBytes: limit(
    1024 * MiB,
    [16 * MiB, 1024 * 1024 * MiB],
    "bytes",
    undefined,
    "memory that an engine process may take beyond what it had when its model was loaded; beyond it another takes over, and it ends with its streams",
  ),
  quarantineMs: limit(
    10 * minute,
    [second, 24 * 60 * minute],
    "ms",
    "quarantined",
    "how long a request is refused that ended an engine process twice",
  ),
  quarantineEntries: limit(
    1000,
    [1, 100_000],
    "count",
    undefined,
    "requests that are remembered since they may have ended an engine process",
  ),
  prefillChunkTokens: limit(
    512,
    [1, 65_536],
    "tokens",
    undefined,
    "prompt tokens that a local model reads between two looks at its other work; fewer where interTokenMs asks for it",
  ),
  interTokenMs: limit(
    100,
    [1, 10 * minute],
    "ms",
    undefined,
    "between two tokens of a local model's running streams while it reads prompts: chunks of prompts are cut to keep it",
  ),
  prefixMemoryBytes: limit(
    512 * MiB,
    [0, 1024 * 1024 * MiB],
    "bytes",
    undefined,
    "states of prompts that one local model keeps in memory for requests that begin alike; 0: prompts only reuse what their own sequence holds",
  ),
  prefixDiskBytes: limit(
    1024 * MiB,
    [0, 1024 * 1024 * MiB],
    "bytes",
    undefined,
    "states of prompts on disk, of all local models together; the least recently used go first; 0: none",
  ),
  prefixDiskAgeMs: limit(
    7 * 24 * 60 * minute,
    [second, 366 * 24 * 60 * minute],
    "ms",
    undefined,
    "how long a state of a prompt stays on disk that nobody uses",
  ),
  prefixWaitMs: limit(
    30 * second,
    [0, 60 * minute],
    "ms",
    undefined,
    "how long a prompt waits for another to read what both begin with; then it reads it itself",
  ),
  streamBufferBytes: limit(
    256 * KiB,
    [KiB, 64 * MiB],
    "bytes",
    undefined,
    "text of a local model that waits for a slow reader; beyond it the sequence pauses",
  ),
  drainMs: limit(30 * second, [0, 24 * 60 * minute], "ms", "draining", "running calls after SIGTERM"),
  pullConnectMs: limit(5 * second, [10, 10 * minute], "ms", "pull_failed", "a model source that does not answer"),
  pullIdleMs: limit(30 * second, [10, 60 * minute], "ms", "pull_failed", "a model source that sends nothing more"),
  maxModelBytes: limit(1024 * 1024 * MiB, [MiB, 1024 * 1024 * 1024 * MiB], "bytes", "pull_failed", "a model file that is pulled"),
} as const satisfies Record<string, LimitRow>;

/** Name of a limit. */
export type LimitName = keyof typeof limits;

/** The value of every limit. */
export type Limits = Readonly<Record<LimitName, number>>;

/** The limits as they are unless configured. */
export const defaultLimits: Limits = resolveLimits({});

/** Overlays the defaults. Throws `invalid_request` naming the limit for an unknown name or a value out of range. */
export function resolveLimits(values: Readonly<Record<string, number | bigint>>): Limits {
  const resolved = Object.fromEntries(Object.entries(limits).map(([name, { default: value }]) => [name, value])) as Record<
    LimitName,
    number
  >;
  for (const [name, given] of Object.entries(values)) {
    if (!isLimitName(name))
      throw fault("invalid_request", `limits.${name}: there is no such limit; known are ${Object.keys(limits).join(", ")}`);
    const { min, max, unit } = limits[name];
    const value = Number(given);
    if (!(value >= min && value <= max)) throw fault("invalid_request", `limits.${name}: ${given} is outside ${min} to ${max} ${unit}`);
    resolved[name] = value;
  }
  return resolved;
}

/** Makes the error of a limit that was passed; its metadata names the limit. */
export function limitFault(name: LimitName, message: string, options: FaultOptions = {}): ConnectError {
  const { reason } = limits[name];
  return fault(reason ?? "internal", message, { ...options, metadata: { ...options.metadata, limit: name } });
}

function isLimitName(name: string): name is LimitName {
  return Object.hasOwn(limits, name);
}
