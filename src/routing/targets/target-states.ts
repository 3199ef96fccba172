import type { ConnectError } from "@connectrpc/connect";
import type { Limits } from "../../core/limits.ts";
import type { Clock, Log } from "../../core/ports.ts";
import { reasonOf, reasons, retryAfterMsOf, type Reason } from "../../core/reasons.ts";
import type { RouteObserver } from "../../core/route-observer.ts";
import type { ProviderHealth } from "../../core/provider-report.ts";
import type { Target } from "../../core/targets.ts";
import { Circuit, type CircuitState } from "./circuit.ts";
import { retryBudget, type RetryBudget } from "./retry-budget.ts";
import { isOfTheKey } from "./rules.ts";
import { Refusals } from "./refusals.ts";
import { Slowdown } from "./slowdown.ts";

/** What the memory of targets needs. */
export interface TargetStatesOptions {
  readonly clock: Clock;
  readonly limits: Limits;
  readonly log: Log;
  readonly observer: RouteObserver;
}

/** What is known of one target. */
export interface TargetState {
  /** That of its upstream. */
  readonly budget: RetryBudget;
  readonly circuit: Circuit;
  readonly slowdown: Slowdown;
  readonly refusals: Refusals;
  /** Its key at its upstream, whatever the model. */
  readonly key: { retiredUntilMs: number };
  /** Until then it comes last, since its upstream does not have the model. */
  missingUntilMs: number;
  /** Before this instant its upstream does not want to be asked with this key for this model. */
  restUntilMs: number;
}

/** What all calls together have learnt of the targets: one for the service. */
export interface TargetStates {
  /** Undefined for a target on this machine: it has no key, no breaker, and a queue instead of a budget. */
  stateOf(target: Target): TargetState | undefined;
  /** Learns from a failed attempt with the operator's key. */
  failed(target: Target, error: ConnectError): void;
  /** Whether it should be asked after others. */
  isSick(target: Target): boolean;
  /** Counts up for a list of keys, by its first target. */
  turn(first: Target): number;
  /** How an upstream fares, over all targets that were asked so far. */
  healthOf(provider: string): ProviderHealth;
  /** A target is no longer led to: what is known of it goes with its last call. */
  forget(target: Target): void;
}

interface Upstream {
  readonly budget: RetryBudget;
  readonly keys: Map<number, TargetState["key"]>;
  readonly states: Set<TargetState>;
}

/** Faults of an upstream that its circuits do not count: one that limits rates is well, and a key that is refused is kept by itself. */
const notOfTheCircuit = new Set<Reason>(["provider_rate_limited", "provider_credentials"]);

/** Whether an error says that its target is sick. What callers and queues do does not, nor does a model that is missing: callers may have made it up. */
export function isTargetsFault(reason: Reason): boolean {
  return reasons[reason].fault === "provider" && !notOfTheCircuit.has(reason);
}

/** Starts with nothing known. */
export function targetStates(options: TargetStatesOptions): TargetStates {
  const { clock, limits, log, observer } = options;
  const upstreams = new Map<string, Upstream>();
  // Weak: targets of models that only callers name come and go.
  const states = new WeakMap<Target, TargetState>();
  const turns = new WeakMap<Target, number>();
  const forgotten = new WeakSet<Target>();

  const upstreamOf = (provider: string): Upstream => {
    const known = upstreams.get(provider) ?? { budget: retryBudget(clock), keys: new Map(), states: new Set() };
    upstreams.set(provider, known);
    return known;
  };
  const newState = (target: Target): TargetState => {
    const upstream = upstreamOf(target.provider);
    const key = upstream.keys.get(target.key) ?? { retiredUntilMs: 0 };
    upstream.keys.set(target.key, key);
    const circuit = new Circuit({ clock, limits, onChange: (state) => tellCircuit(target, state, options) });
    const known = { budget: upstream.budget, circuit, slowdown: new Slowdown(clock), refusals: new Refusals(clock), key };
    const state = { ...known, missingUntilMs: 0, restUntilMs: 0 };
    if (!forgotten.has(target)) upstream.states.add(state);
    states.set(target, state);
    return state;
  };
  const stateOf = (target: Target) => (target.isLocal ? undefined : (states.get(target) ?? newState(target)));
  const isOut = ({ circuit, slowdown, key, missingUntilMs }: TargetState) =>
    !circuit.isAskable() || Math.max(key.retiredUntilMs, missingUntilMs) > clock.now() || slowdown.isOn();
  /** The key comes last for a while. That is told once, however many calls find nobody else to ask meanwhile. */
  const retire = (target: Target, { key }: TargetState, isRefused: boolean): void => {
    if (key.retiredUntilMs > clock.now()) return;
    key.retiredUntilMs = clock.now() + limits.keyRetireMs;
    const why = isRefused ? "an upstream refused one of its keys" : "the quota of an upstream's key is used up";
    log.warn(`${why}, which comes last for a while`, named(target));
    observer.retired(target);
  };
  return {
    stateOf,
    failed(target, error) {
      const state = stateOf(target);
      if (state === undefined) return;
      const reason = reasonOf(error);
      const nowMs = clock.now();
      const waitMs = reasons[reason].fault === "provider" ? retryAfterMsOf(error) : undefined;
      if (isOfTheKey(error)) retire(target, state, reason === "provider_credentials");
      else if (reason === "provider_rate_limited" && waitMs === undefined) state.slowdown.limited();
      if (reason === "model_not_found") state.missingUntilMs = nowMs + limits.keyRetireMs;
      if (waitMs !== undefined) state.restUntilMs = Math.max(state.restUntilMs, nowMs + Math.min(waitMs, limits.restMs));
    },
    isSick(target) {
      const state = stateOf(target);
      return state !== undefined && isOut(state);
    },
    turn(first) {
      const turn = turns.get(first) ?? 0;
      turns.set(first, (turn + 1) % Number.MAX_SAFE_INTEGER);
      return turn;
    },
    healthOf(provider) {
      const known = [...(upstreams.get(provider)?.states ?? [])];
      const isUsable = (state: TargetState) => state.circuit.state() !== "open" && state.key.retiredUntilMs <= clock.now();
      return {
        isAvailable: known.length === 0 || known.some((state) => isUsable(state) && state.restUntilMs <= clock.now()),
        breaker: worst(known.map(({ circuit }) => circuit.state())),
        errorRate: errorRate(known),
      };
    },
    forget(target) {
      forgotten.add(target);
      const state = states.get(target);
      if (state !== undefined) upstreams.get(target.provider)?.states.delete(state);
    },
  };
}

function worst(all: readonly CircuitState[]): CircuitState {
  if (all.includes("open")) return "open";
  return all.includes("half-open") ? "half-open" : "closed";
}

function errorRate(states: readonly TargetState[]): number | undefined {
  let attempts = 0;
  let failed = 0;
  for (const { circuit } of states) {
    const recent = circuit.recent();
    attempts += recent.attempts;
    failed += recent.failed;
  }
  return attempts === 0 ? undefined : failed / attempts;
}

function tellCircuit(target: Target, state: "open" | "closed", { log, observer }: TargetStatesOptions): void {
  observer.circuit(target, state);
  if (state === "open") log.warn("a target fails too often, and is asked after others for a while", named(target));
  else log.info("a target that failed answers again", named(target));
}

/** The facts of a target for the log. */
export function named({ provider, model, key }: Target): Readonly<Record<string, string | number>> {
  return { provider, model, ...(key !== 0 && { key }) };
}
