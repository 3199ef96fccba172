import { choice, never, nothing, optional, repeat, sequence, set, text, type Expression } from "./expression.ts";
import type { RuleBook } from "./rule-book.ts";

/** Decimal numbers from 0: `low` to `high` in steps of `step`, all of them counted in units of the last of `fraction` places behind the point. */
export interface DigitRange {
  readonly low: bigint;
  readonly high: bigint;
  readonly fraction: number;
  readonly step: number;
}

const digit = set([0x30, 0x39]);

/** What is written of such numbers: no zeros in front, and behind the point no more places than `fraction`. */
export function digitText(range: DigitRange, book: RuleBook): Expression {
  const { low, high, fraction } = range;
  if (low > high) return never;
  const unit = 10n ** BigInt(fraction);
  const [shortest, longest] = [String(low / unit).length, String(high / unit).length];
  const lengths = Array.from({ length: longest - shortest + 1 }, (_, index) => shortest + index);
  const free = lengths.filter((length) => isFree(range, length));
  const ways = lengths.filter((length) => !isFree(range, length)).map((length) => digitsOf(within(range, length), length, book));
  const [first] = free;
  return first === undefined
    ? choice(...ways)
    : choice(...ways, sequence(set([0x31, 0x39]), repeat(digit, first - 1, (free.at(-1) ?? first) - 1), freeFraction(fraction)));
}

/** Whether all numbers with so many digits before the point are in the range; such lengths follow one another. */
function isFree({ low, high, fraction, step }: DigitRange, length: number): boolean {
  const unit = 10n ** BigInt(fraction);
  return step === 1 && length > 1 && low <= 10n ** BigInt(length - 1) * unit && high >= 10n ** BigInt(length) * unit - 1n;
}

/** The part of a range that has so many digits before the point. */
function within({ low, high, fraction, step }: DigitRange, length: number): DigitRange {
  const unit = 10n ** BigInt(fraction);
  const [from, to] = [length === 1 ? 0n : 10n ** BigInt(length - 1) * unit, 10n ** BigInt(length) * unit - 1n];
  return { low: low > from ? low : from, high: high < to ? high : to, fraction, step };
}

function freeFraction(places: number): Expression {
  return places === 0 ? nothing : optional(sequence(text("."), repeat(digit, 1, places)));
}

interface Place {
  /** Digits written so far. */
  readonly at: number;
  /** Whether they are those of the lowest number, and of the highest. */
  readonly isLowest: boolean;
  readonly isHighest: boolean;
  readonly remainder: number;
}

/** Numbers with so many digits before the point: an automaton over their digits. */
function digitsOf({ low, high, fraction, step }: DigitRange, length: number, book: RuleBook): Expression {
  const total = length + fraction;
  const [lowest, highest] = [String(low).padStart(total, "0"), String(high).padStart(total, "0")];
  const known = new Map<string, Expression>();
  const canEnd = ({ at, isLowest, remainder }: Place) => {
    const isLowEnough = !isLowest || /^0*$/.test(lowest.slice(at));
    return at >= length && isLowEnough && (BigInt(remainder) * 10n ** BigInt(total - at)) % BigInt(step) === 0n;
  };
  const further = (place: Place): Expression => {
    const { at, isLowest, isHighest, remainder } = place;
    const [from, to] = [isLowest ? Number(lowest[at]) : 0, isHighest ? Number(highest[at]) : 9];
    const groups = Map.groupBy(
      Array.from({ length: to - from + 1 }, (_, index) => from + index),
      (next) => `${isLowest && next === from} ${isHighest && next === to} ${(remainder * 10 + next) % step}`,
    );
    const ways = [...groups.values()].map((digits) => {
      const next = digits[0] ?? 0;
      const after = {
        at: at + 1,
        isLowest: isLowest && next === from,
        isHighest: isHighest && next === to,
        remainder: (remainder * 10 + next) % step,
      };
      return sequence(digitSet(digits), onward(after));
    });
    return at === length ? sequence(text("."), choice(...ways)) : choice(...ways);
  };
  const made = (place: Place): Expression => {
    const { at, isLowest, isHighest } = place;
    if (!isLowest && !isHighest && step === 1) return freeDigits(length - at, fraction);
    // Behind the highest number only zeros could follow; they are left out.
    const isOver = at === total || (isHighest && at >= length && /^0*$/.test(highest.slice(at)));
    const more = isOver ? never : further(place);
    return canEnd(place) ? choice(more, nothing) : more;
  };
  const onward = ({ at, isLowest, isHighest, remainder }: Place): Expression => {
    // What is no longer held by a bound is free: so do numbers of different lengths share their ends.
    const place = {
      at,
      remainder,
      isLowest: isLowest && !/^0*$/.test(lowest.slice(at)),
      isHighest: isHighest && !/^9*$/.test(highest.slice(at)),
    };
    const key = JSON.stringify(place);
    const there = known.get(key) ?? book.shared(made(place));
    known.set(key, there);
    return there;
  };
  return onward({ at: 0, isLowest: true, isHighest: true, remainder: 0 });
}

/** Any digits: so many before the point (fewer than none: behind it). */
function freeDigits(before: number, fraction: number): Expression {
  return before < 0 ? repeat(digit, 0, fraction + before) : sequence(repeat(digit, before, before), freeFraction(fraction));
}

function digitSet(digits: readonly number[]): Expression {
  const ranges: [number, number][] = [];
  for (const next of digits) {
    const last = ranges.at(-1);
    if (last?.[1] === 0x30 + next - 1) last[1] = 0x30 + next;
    else ranges.push([0x30 + next, 0x30 + next]);
  }
  return set(...ranges);
}
