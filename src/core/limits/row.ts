import type { Reason } from "../reasons.ts";

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

/** Bytes of a KiB. */
export const KiB = 1024;
/** Bytes of a MiB. */
export const MiB = 1024 * KiB;
/** Ms of a second. */
export const second = 1000;
/** Ms of a minute. */
export const minute = 60 * second;

/** A row: default, range, unit, reason, and what it limits. */
export function limit(
  value: number,
  range: readonly [number, number],
  unit: LimitRow["unit"],
  reason: Reason | undefined,
  what: string,
): LimitRow {
  return { default: value, min: range[0], max: range[1], unit, reason, what };
}
