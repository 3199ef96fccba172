import type { ConnectError } from "@connectrpc/connect";
import { metadataOf } from "../../core/error-facts.ts";
import { reasonOf, type Reason } from "../../core/reasons.ts";

/** What follows from a failed attempt, for the rest of its call. */
export interface Rule {
  /** When the same target is asked again: next, once; behind all others, once; when it is its turn again, twice; or never. */
  readonly again: "next" | "last" | "in turn" | "never";
  /** When the upstream's other keys are asked for the model: in their turn, behind all others, or never, since no key would change it. */
  readonly siblings: "in turn" | "last" | "never";
  /** Whether the attempt may have been work for its upstream; if not, the next one is paid for like a call's first. */
  readonly isLoad: boolean;
}

const rule = (again: Rule["again"], siblings: Rule["siblings"], isLoad = true): Rule => ({ again, siblings, isLoad });

/** By reason; an error of any other reason ends the call. */
export const rules: Partial<Record<Reason, Rule>> = {
  provider_error: rule("next", "last"),
  provider_unavailable: rule("last", "last"),
  provider_truncated: rule("last", "last"),
  provider_malformed: rule("never", "last"),
  // What was silent until its limit would take as long once more.
  provider_timeout: rule("never", "last"),
  provider_rate_limited: rule("in turn", "in turn"),
  provider_credentials: rule("never", "in turn"),
  model_not_found: rule("never", "never"),
  context_length_exceeded: rule("never", "never", false),
  unsupported_field: rule("never", "never", false),
  // Queues and memory of our own: nothing has reached an upstream.
  queue_full: rule("never", "last", false),
  queue_timeout: rule("never", "last", false),
  model_too_large: rule("never", "never", false),
  engine_failed: rule("never", "never"),
  internal: rule("never", "last"),
};

/** What follows from an error; undefined: the call ends with it. */
export function ruleOf(error: ConnectError): Rule | undefined {
  const reason = reasonOf(error);
  const found = rules[reason];
  // Another Parley's own upstream refuses its key: asked again it would say the same.
  if (reason === "provider_error" && metadataOf(error)["upstream_reason"] === "provider_credentials") return rules.provider_malformed;
  if (reason === "provider_unavailable" && metadataOf(error)["upstream_status"] !== undefined) return rules.provider_error; // it answered: one 5xx
  return isOfTheKey(error) ? rules.provider_credentials : found; // no waiting helps a key without quota
}

/** Whether an upstream does not serve a key: it refuses it, or what the key may use is used up. */
export function isOfTheKey(error: ConnectError): boolean {
  const reason = reasonOf(error);
  return reason === "provider_credentials" || (reason === "provider_rate_limited" && metadataOf(error)["quota"] !== undefined);
}
