import { doorLimits } from "./limits/door.ts";
import { machineLimits } from "./limits/machine.ts";
import type { LimitRow } from "./limits/row.ts";
import { upstreamLimits } from "./limits/upstream.ts";
import { fault, type FaultOptions } from "./reasons.ts";
import type { ConnectError } from "@connectrpc/connect";

/** Every limit of the service. The configuration's `limits.values` may change each by name, within its range. */
export const limits = { ...doorLimits, ...upstreamLimits, ...machineLimits } as const satisfies Record<string, LimitRow>;

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
