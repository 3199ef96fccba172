import type { Compiler } from "./compiler.ts";
import { decimalOf } from "./decimal.ts";
import { digitText } from "./digits.ts";
import type { Expression } from "./expression.ts";
import { jsonInteger, jsonNumber } from "./json.ts";
import { multiplesText } from "./multiples.ts";
import { mostDigits, rangeOf, signed } from "./number-range.ts";
import type { Shape } from "./shape.ts";

/** Places behind the point of numbers with a bound, unless the bound has more. */
const usualPlaces = 6;
/** A bound with more places behind the point is rounded inwards. */
const mostPlaces = 24;

/** JSON of a number of a shape. Bounds are compared as decimals: reading a decimal as a double keeps the order, so they hold for what is read. */
export function numberText(shape: Shape, compiler: Compiler): Expression {
  const { low, high, multiples, isInteger } = shape;
  const { book } = compiler;
  if (multiples.length > 0) return multiplesText(shape, compiler);
  if (low === undefined && high === undefined) return book.shared(isInteger ? jsonInteger : jsonNumber);
  const fraction = isInteger ? 0 : placesOf(shape);
  return signed(rangeOf(shape, fraction), (from, to) => digitText({ low: from, high: to, fraction, step: 1 }, book));
}

function placesOf({ low, high }: Shape): number {
  const bounds = [low, high].flatMap((bound) => (bound === undefined ? [] : decimalOf(bound.value)));
  const digits = Math.max(...bounds.map(({ units, places }) => Math.max(0, String(units).length - places)));
  return Math.min(mostPlaces, Math.max(usualPlaces, mostDigits - digits, ...bounds.map(({ places }) => places)));
}
