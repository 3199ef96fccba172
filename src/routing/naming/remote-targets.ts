import type { Provider } from "../../core/ports.ts";
import type { Target } from "../../core/targets.ts";
import type { StandingUpstream } from "./stand-ins.ts";

/** An upstream with what asks it: one provider for each of its keys, in their order. */
export interface RoutedUpstream extends StandingUpstream {
  readonly providers: readonly Provider[];
  /** Whether it has keys: they are numbered from 1 then, and the one provider of an upstream without keys has 0. */
  readonly hasKeys: boolean;
  /** Models that the configuration has prices for. */
  readonly priced?: ReadonlySet<string>;
}

/** One target that is to be made. */
export interface TargetRequest {
  readonly provider: Provider;
  /** Number of the upstream's key, from 1; 0: it has none. */
  readonly key: number;
  /** The model's name there; empty: whatever it serves. */
  readonly model: string;
  /** What the target is called: the model's name, unless callers made up too many, or it has none. */
  readonly label: string;
}

/** Puts the target layers around one model of a provider. */
export type MakeTarget = (request: TargetRequest) => Target;

/** What the targets of upstreams need. */
export interface RemoteTargetsOptions {
  readonly make: MakeTarget;
  /** Models that callers may make up before the least recently used is forgotten. */
  readonly limit: number;
  /** Told of each target that is forgotten. */
  readonly forget: (target: Target) => void;
}

/** The targets of an upstream's model, one for each key; a configured name is the operator's word. */
export type RemoteTargets = (upstream: RoutedUpstream, model: string, isConfigured: boolean) => readonly Target[];

/** What a model is called that the upstream chooses itself. */
export const unnamed = "default";
/** What models are called that callers name beyond the limit. */
const overflow = "other";

/**
 * The targets of upstreams. Those of models that the configuration names, or has prices for, stay for good. Those that only callers name are bounded, for a caller may make names up:
 * the least recently used go first, and after so many distinct names since the start the others are called `other`, so that metrics stay bounded too.
 */
export function remoteTargets({ make, limit, forget }: RemoteTargetsOptions): RemoteTargets {
  const configured = new Map<string, readonly Target[]>();
  const asked = new Map<string, readonly Target[]>();
  const labels = new Set<string>();

  const labelOf = (id: string, model: string, isConfigured: boolean): string => {
    if (model === "") return unnamed;
    if (isConfigured || labels.has(id)) return model;
    if (labels.size >= limit) return overflow;
    labels.add(id);
    return model;
  };
  const makeAll = ({ providers, hasKeys }: RoutedUpstream, model: string, label: string): readonly Target[] =>
    providers.map((provider, index) => make({ provider, key: hasKeys ? index + 1 : 0, model, label }));

  /** Puts an entry last, where the first is the least recently used. */
  const renew = (id: string, targets: readonly Target[]): void => {
    asked.delete(id);
    asked.set(id, targets);
    const [oldest] = asked;
    if (asked.size <= limit || oldest === undefined) return;
    asked.delete(oldest[0]);
    oldest[1].forEach(forget);
  };

  /** What callers asked for before the configuration did; unless it was given the name of many. */
  const taken = (id: string): readonly Target[] | undefined => {
    const known = asked.get(id);
    asked.delete(id);
    if (known?.[0]?.label !== overflow) return known;
    known.forEach(forget);
    return undefined;
  };

  return (upstream, model, isNamed) => {
    const id = `${upstream.name}/${model}`;
    const kept = configured.get(id);
    if (kept !== undefined) return kept;
    const isConfigured = isNamed || upstream.priced?.has(model) === true;
    const known = isConfigured ? taken(id) : asked.get(id);
    const targets = known ?? makeAll(upstream, model, labelOf(id, model, isConfigured));
    if (isConfigured) configured.set(id, targets);
    else renew(id, targets);
    return targets;
  };
}
