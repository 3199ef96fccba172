import type { Compiler } from "./compiler.ts";
import { ceilDivided, decimalOf, floorDivided, scaled, textOf } from "./decimal.ts";
import { digitText } from "./digits.ts";
import { choice, never, sequence, text, type Expression } from "./expression.ts";
import { literals } from "./literals.ts";
import { max, min, mostDigits, rangeOf, signed } from "./number-range.ts";
import type { At, Shape } from "./shape.ts";

/** Multiples that are told one by one. */
const mostTold = 512;
/** Larger steps are told only one by one: an automaton of digits has as many states as the step. */
const mostStep = 40;
/** Steps may have so many places behind the point. */
const mostPlaces = 15;

/** JSON of numbers that are multiples of some. Validators divide doubles: 0.07 is no multiple of 0.01 to them, and so to us. */
export function multiplesText(shape: Shape, compiler: Compiler): Expression {
  const { multiples, isInteger } = shape;
  const steps = multiples.map(({ value }) => decimalOf(value));
  const places = Math.max(...steps.map((step) => step.places));
  if (places > mostPlaces) throw refusal(shape, compiler, "has too many places behind the point");
  if (isInteger && places > 0) throw refusal(shape, compiler, "of an integer must be an integer");
  const step = steps.map((each) => scaled(each, places)).reduce((one, other) => (one * other) / commonDivisor(one, other));
  const exact = 10n ** BigInt(mostDigits + places) - 1n;
  const range = rangeOf(shape, places);
  const grid = { low: max(range.low, -exact), high: min(range.high, exact), places, step };
  return few(grid, multiples, compiler) ?? many(grid, shape, compiler);
}

/** Numbers `low` to `high` in steps, all in units of 10^-places. */
interface Grid {
  readonly low: bigint;
  readonly high: bigint;
  readonly places: number;
  readonly step: bigint;
}

function few({ low, high, places, step }: Grid, multiples: readonly At<number>[], { book }: Compiler): Expression | undefined {
  const [first, last] = [ceilDivided(low, step), floorDivided(high, step)];
  if (last - first >= BigInt(mostTold)) return undefined;
  const all = Array.from({ length: Math.max(0, Number(last - first) + 1) }, (_, index) =>
    Number(textOf((first + BigInt(index)) * step, places)),
  );
  return literals(
    all.filter((value) => multiples.every((multiple) => Number.isInteger(value / multiple.value))),
    book,
  );
}

function many({ low, high, places, step }: Grid, shape: Shape, compiler: Compiler): Expression {
  if (places > 0 && !shape.multiples.every(({ value }) => isDyadic(value)))
    throw refusal(shape, compiler, `is a fraction that no double holds: bound the number to ${mostTold} multiples`);
  const zeros = places > 0 ? 0 : (/0*$/.exec(String(step))?.[0].length ?? 0);
  const unit = 10n ** BigInt(zeros);
  const left = step / unit;
  if (left > BigInt(mostStep))
    throw refusal(shape, compiler, `is too large to be counted in digits: bound the number to ${mostTold} multiples`);
  const digits = (from: bigint, to: bigint) => digitText({ low: from, high: to, fraction: places, step: Number(left) }, compiler.book);
  const range = { low: ceilDivided(low, unit), high: floorDivided(high, unit) };
  if (zeros === 0) return signed(range, digits);
  const hasZero = range.low <= 0n && range.high >= 0n;
  const tail = text("0".repeat(zeros));
  return choice(
    hasZero ? text("0") : never,
    signed(range, (from, to) => (to < 1n ? never : sequence(digits(max(1n, from), to), tail))),
  );
}

/** Whether it is a sum of halves, quarters and so on: division by it is exact. */
function isDyadic(value: number): boolean {
  return Number.isInteger(value * 2 ** 20);
}

function refusal({ multiples }: Shape, compiler: Compiler, why: string): Error {
  return compiler.text.unsupported(multiples[0]?.pointer ?? "#", why);
}

function commonDivisor(one: bigint, other: bigint): bigint {
  return other === 0n ? one : commonDivisor(other, one % other);
}
