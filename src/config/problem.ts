/** Something that is wrong, and with what. */
export interface Problem {
  /** Path of the key, such as `http.port`. */
  readonly path: string;
  /** What is wrong, and what to do. */
  readonly what: string;
}

/** Refuses a number outside of a range; the third entry is a unit, with its space. */
export function* range(
  path: string,
  value: number | undefined,
  [min, max, unit = ""]: readonly [number, number, string?],
): Generator<Problem> {
  if (value === undefined || (value >= min && value <= max)) return;
  yield { path, what: `${value} is outside ${min} to ${max}${unit}` };
}
