/** A number as decimals are written: `units` of 10^-places. */
export interface Decimal {
  readonly units: bigint;
  readonly places: number;
}

/** The shortest decimal that is read as a double, with no zeros at its end behind the point. */
export function decimalOf(value: number): Decimal {
  const [mantissa = "0", exponent = "0"] = String(value).split("e");
  const [whole = "0", fraction = ""] = mantissa.split(".");
  const units = BigInt(whole + fraction);
  const places = fraction.length - Number(exponent);
  return places >= 0 ? { units, places } : { units: units * 10n ** BigInt(-places), places: 0 };
}

/** Text of so many units of 10^-places. */
export function textOf(units: bigint, places: number): string {
  const digits = String(units < 0n ? -units : units).padStart(places + 1, "0");
  const whole = digits.slice(0, digits.length - places);
  return `${units < 0n ? "-" : ""}${whole}${places === 0 ? "" : `.${digits.slice(-places)}`}`;
}

/** A decimal in units of 10^-places, rounded down. */
export function scaled({ units, places: own }: Decimal, places: number): bigint {
  return own <= places ? units * 10n ** BigInt(places - own) : floorDivided(units, 10n ** BigInt(own - places));
}

/** A quotient rounded down. */
export function floorDivided(one: bigint, other: bigint): bigint {
  const quotient = one / other;
  return one % other !== 0n && one < 0n ? quotient - 1n : quotient;
}

/** A quotient rounded up. */
export function ceilDivided(one: bigint, other: bigint): bigint {
  return -floorDivided(-one, other);
}

/** An end of a range. */
interface End {
  readonly value: number;
  readonly isExclusive: boolean;
}

/** The first number at a bound or above it, in units of 10^-places; above an exclusive one it is the first that is another double. */
export function lowestOnGrid({ value, isExclusive }: End, places: number): bigint {
  const { units, places: own } = decimalOf(value);
  const first = -scaled({ units: -units, places: own }, places);
  return isExclusive ? beyond(first, 1n, (at) => Number(textOf(at, places)) > value) : first;
}

/** The last number at a bound or below it, likewise. */
export function highestOnGrid({ value, isExclusive }: End, places: number): bigint {
  const last = scaled(decimalOf(value), places);
  return isExclusive ? beyond(last, -1n, (at) => Number(textOf(at, places)) < value) : last;
}

function beyond(bound: bigint, direction: bigint, isBeyond: (at: bigint) => boolean): bigint {
  let [at, step] = [bound, direction];
  while (!isBeyond(at)) {
    at = bound + step;
    step *= 10n;
  }
  return at;
}
