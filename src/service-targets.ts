import { create } from "@bufbuild/protobuf";
import { ChatRequestSchema, type ChatRequest } from "../gen/parley/v1/chat_pb.ts";
import type { LoadedConfig } from "./config.ts";
import type { Settings } from "./config/settings.ts";
import type { Clock, Log, Provider } from "./core/ports.ts";
import type { Target } from "./core/targets.ts";
import { priceOf } from "./core/prices.ts";
import type { DisconnectPolicy, UpstreamSettings } from "./core/upstreams.ts";
import { compose, type Kind, type Layer, type Work } from "./core/work.ts";
import { asked } from "./layers/asked.ts";
import { attemptSpan } from "./layers/attempt-span.ts";
import { concurrency } from "./layers/concurrency.ts";
import { disconnect } from "./layers/disconnect.ts";
import { ledger, type LedgerOptions } from "./layers/ledger.ts";
import type { LeftReads } from "./layers/left-reads.ts";
import { timeLimits } from "./layers/time-limits.ts";
import type { MakeTarget, TargetRequest } from "./routing/naming/remote-targets.ts";
import { keptLedger } from "./telemetry/ledger.ts";
import type { Metrics } from "./telemetry/metrics.ts";

/** What layers and routing are made of. */
export interface Parts {
  readonly loaded: LoadedConfig;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Answers that are read on for nobody but the books. */
  readonly reads: LeftReads;
}

/** What a target's layers must know of it. */
export interface TargetFacts {
  readonly provider: string;
  /** The model's name there; `default` where the upstream chooses it. */
  readonly model: string;
  /** What metrics and books call the model: one of a closed set. */
  readonly label: string;
  /** Number of the upstream's key; 0: none. */
  readonly key: number;
  readonly isLocal: boolean;
  /** Undefined for what is on this machine. */
  readonly upstream: UpstreamSettings | undefined;
  /** The queue of its upstream, which all of its targets share; one of its own on this machine. */
  readonly queue: Layer;
}

/** Policies that an attempt at one target passes, outermost first. */
export function targetLayers(parts: Parts, target: TargetFacts): readonly Layer[] {
  const { clock, loaded, reads } = parts;
  const { limits } = loaded;
  const { provider, model, isLocal, queue, upstream } = target;
  const policy = upstream?.disconnect ?? "estimate";
  return [
    // outermost: where it reads on for a caller that has left, all others take that for the same attempt
    disconnect({ clock, policy, drainReadMs: limits.drainReadMs, reads }),
    // outside of all that may fail, wait or be left
    ledger(booksOf(parts, target, policy)),
    // outside of the queue, so that the span has the wait in it
    attemptSpan({ clock, provider, model, isLocal }),
    // before the time limits: waiting here has its own
    queue,
    // innermost: what it measures is the provider alone
    timeLimits(timesOf(parts, target)),
    // innermost: what has come this far may cost
    asked,
  ];
}

function booksOf(
  { clock, log, metrics, loaded: { settings } }: Parts,
  { provider, label, model, key, upstream }: TargetFacts,
  policy: DisconnectPolicy,
): LedgerOptions {
  const isDebugging = settings.logLevel === "debug" || settings.logLevel === "trace";
  return {
    ...{ clock, provider, model: label, key, policy, priceVersion: settings.priceVersion },
    ledger: keptLedger({ log, count: (attempt) => metrics.attempted(attempt), isDebugging }),
    takesCallerKeys: upstream?.takesCallerKeys ?? false,
    price: upstream && priceOf(upstream.prices, model),
  };
}

/** What upstreams are asked for where nobody says it; undefined: nothing, so that their own defaults hold. */
export function defaultParameters({ defaultMaxTokens, defaultTemperature }: Settings): ChatRequest | undefined {
  if (defaultMaxTokens === undefined && defaultTemperature === undefined) return undefined;
  return create(ChatRequestSchema, {
    ...(defaultMaxTokens !== undefined && { maxTokens: defaultMaxTokens }),
    ...(defaultTemperature !== undefined && { sampling: { temperature: defaultTemperature } }),
  });
}

/** Makes targets: a model of a provider with its policies around it, which keep their state for as long as the target is kept. */
export function targetMaker(parts: Parts): MakeTarget {
  const upstreams = new Map(parts.loaded.settings.upstreams.map((upstream) => [upstream.name, upstream]));
  const queues = new Map<string, Layer>();
  /** Places at an upstream are one pool, whatever the model and the key. */
  const queueOf = (name: string, upstream: UpstreamSettings | undefined): Layer => {
    // One on this machine tells its queue itself.
    const known = queues.get(name) ?? queueFor(parts, name, upstream);
    if (upstream !== undefined) queues.set(name, known);
    return known;
  };
  return (request) => {
    const { provider, key, model } = request;
    const upstream = upstreams.get(provider.name);
    const queue = queueOf(upstream === undefined ? `${provider.name}/${model}` : provider.name, upstream);
    const { label } = request;
    if (upstream !== undefined) parts.metrics.routes.known({ provider: provider.name, label });
    const facts = { provider: provider.name, model: model || label, label, key, isLocal: upstream === undefined, upstream, queue };
    return targetOf(request, facts, targetLayers(parts, facts));
  };
}

function queueFor(
  { clock, loaded: { limits }, metrics: { routes } }: Parts,
  target: string,
  upstream: UpstreamSettings | undefined,
): Layer {
  const limit = upstream?.concurrency ?? limits.targetConcurrency;
  const queue = { clock, target, limit, queue: limits.targetQueue, queueMs: limits.targetQueueMs };
  if (upstream === undefined) return concurrency(queue);
  routes.waiting(target, 0);
  return concurrency({ ...queue, onWaiting: (count) => routes.waiting(target, count) });
}

/** An upstream's own times; a local model queues inside its provider, so it has no first-token limit. */
function timesOf({ clock, loaded: { limits } }: Parts, { provider, model, upstream }: TargetFacts): Parameters<typeof timeLimits>[0] {
  const target = `${provider}/${model}`;
  if (upstream === undefined) return { clock, target, firstTokenMs: undefined, idleStreamMs: limits.idleStreamMs };
  const { firstTokenMs, idleMs, wholeMs, totalMs } = upstream.times;
  return { clock, target, upstream: upstream.name, firstTokenMs, idleStreamMs: idleMs, wholeMs, totalMs };
}

function targetOf({ provider, model: name }: TargetRequest, facts: TargetFacts, layers: readonly Layer[]): Target {
  const { key, isLocal, model, label } = facts;
  const works = new Map<string, unknown>();
  return {
    provider: provider.name,
    ...{ model, label, key, isLocal },
    canContinue: provider.canContinue ?? false,
    takesCallerKeys: provider.takesCallerKeys ?? false,
    fields: provider.fields,
    workOf<Request, Event>(kind: Kind<Request, Event>) {
      const known = works.get(kind.operation);
      if (known !== undefined) return known as Work<Request, Event>;
      const inner = workOf(provider, kind, name);
      if (inner === undefined) return undefined;
      const work = compose(layers, inner, kind);
      works.set(kind.operation, work);
      return work;
    },
  };
}

/** The provider's work; where its upstream chooses the model, it is asked for none. */
function workOf<Request, Event>(provider: Provider, kind: Kind<Request, Event>, model: string): Work<Request, Event> | undefined {
  const work = kind.workOf(provider);
  if (work === undefined || model !== "") return work;
  return (request, context) => work(kind.withModel(request, ""), context);
}
