import { highestOnGrid, lowestOnGrid } from "./decimal.ts";
import { choice, never, sequence, text, type Expression } from "./expression.ts";
import type { Shape } from "./shape.ts";

/** Unbounded numbers have at most so many digits before the point: all such integers are doubles. */
export const mostDigits = 15;

/** The first and the last number between the bounds, in units of 10^-places. Where one is not said, numbers end at a double's exact integers, or a digit beyond the other. */
export function rangeOf({ low, high }: Pick<Shape, "low" | "high">, places: number): { readonly low: bigint; readonly high: bigint } {
  const unit = 10n ** BigInt(places);
  const size = 10n ** BigInt(mostDigits) * unit - 1n;
  const largest = BigInt(Number.MAX_VALUE) * unit;
  const [from, to] = [low && lowestOnGrid(low, places), high && highestOnGrid(high, places)];
  return {
    low: max(from ?? min(-size, (to ?? 0n) * 10n), -largest),
    high: min(to ?? max(size, (from ?? 0n) * 10n), largest),
  };
}

/** Both signs of a range; zero is written without one. */
export function signed(
  { low, high }: { readonly low: bigint; readonly high: bigint },
  write: (from: bigint, to: bigint) => Expression,
): Expression {
  const positive = high < 0n ? never : write(max(0n, low), high);
  const negative = low >= 0n ? never : sequence(text("-"), write(max(1n, -high), -low));
  return choice(positive, negative);
}

/** The greater of two. */
export function max(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}

/** The smaller of two. */
export function min(one: bigint, other: bigint): bigint {
  return one < other ? one : other;
}
